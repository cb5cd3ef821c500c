"""An external network and its preprocessing, put together into a Classifier."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from pasunchat.classifiers.channels import Layout
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.preprocessing import MULTIPLY_ADD, Preprocessing, complete
from pasunchat.classifiers.heads import ROWS, Ending
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator
from pasunchat.storage import sha256


class ExternalNetwork(nn.Module):
    """A network made elsewhere.

    identity makes the digest of a Classifier differ for networks that have the same weights in
    other layers.
    """

    network: nn.Module  # as it was loaded
    identity: Tensor  # buffer, uint8 [32]: SHA-256 of the file or name and of the preprocessing

    def __init__(self, network: nn.Module, *, identity: str) -> None:
        """identity: hexadecimal."""
        super().__init__()
        self.network = network
        number = torch.frombuffer(bytearray.fromhex(identity), dtype=torch.uint8)
        self.register_buffer("identity", number)

    def forward(self, inputs: Tensor) -> object:
        """Whatever the network gives."""
        outputs: object = self.network(inputs)
        return outputs


class InParts(nn.Module):
    """A network whose file fixes the number of rows: a batch is given to it in parts of that."""

    def __init__(self, network: nn.Module, rows: int) -> None:
        super().__init__()
        self.network, self.rows = network, rows

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, ...] for any N: the last row fills up the last part."""
        fill = pixels[-1:].expand(-len(pixels) % self.rows, *pixels.shape[1:])
        filled = torch.cat([pixels, fill])
        parts = [self.network(part) for part in torch.split(filled, self.rows)]
        return torch.cat(parts)[: len(pixels)]


def assemble(
    network: nn.Module,
    preprocessing: Preprocessing,
    model: str,
    *,
    made_of: bytes | str,
    layout: Layout | None = None,
    ending: Ending | None = None,
) -> Classifier:
    """The Classifier around a network.

    model: its name, for errors. made_of: the file's bytes, or the name. layout: of its input; None:
    [N, 3, H, W], or for a network that takes no such thing, grey in one of several. ending: how the
    file shows that it ends, where a softmax or sigmoid is taken off already.
    Raises PasunchatError for incomplete preprocessing, a network that does not run on such images
    or is no classifier, and a wrong number of class names.
    """
    preprocessing = complete(preprocessing, model)
    assert preprocessing.scale is not None and preprocessing.size is not None
    stretch, shift = MULTIPLY_ADD[preprocessing.scale]
    identity = sha256(made_of, repr(preprocessing))
    classifier = Classifier(
        ExternalNetwork(network, identity=identity),
        mean=[(value - shift) / stretch for value in preprocessing.mean or (0.0,)],
        std=[value / stretch for value in preprocessing.std or (1.0,)],
        size=preprocessing.size,
        framing=preprocessing.framing or "pad",
        channels=preprocessing.channels,
    ).eval()
    classifier.known_as = model
    count = _adapter(classifier, preprocessing.size, layout, ending)
    classes = _class_names(count, preprocessing, model)
    classifier.info = replace(classifier.info, classes=classes)
    return classifier


def _adapter(
    classifier: Classifier, size: int, layout: Layout | None, ending: Ending | None
) -> int:
    """Give the classifier its adapter, found by noise, once it is known whether the network takes a
    batch; run for the first time. Returns the number of classes."""
    model = classifier.known_as
    noise = torch.rand(ROWS, 3, size, size, generator=generator("probe"))
    try:
        with in_one_line(f"{model} cannot be run on images of {size} x {size} pixels"):
            count = classifier.find_adapter(noise, layout=layout, ending=ending)
            logits = classifier.predict_logits(noise)
    except PasunchatError as error:
        raise error if model in str(error) else PasunchatError(f"{model}: {error}") from error
    if not bool(logits.isfinite().all()):
        raise PasunchatError(f"{model} gives infinite or undefined numbers for plain noise")
    return count


def _class_names(count: int, preprocessing: Preprocessing, model: str) -> tuple[str, ...]:
    """Those of the preprocessing; without them numbers, as texts."""
    names = preprocessing.classes
    if names is None:
        return tuple(map(str, range(count)))
    if len(names) != count:
        raise PasunchatError(
            f"{model} has {count} classes, but {len(names)} names are given: {'/'.join(names[:5])}"
        )
    return names
