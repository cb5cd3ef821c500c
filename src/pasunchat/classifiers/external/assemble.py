"""An external network and its preprocessing, put together into a Classifier."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from pasunchat.classifiers.adapter import Adapter, adapters, find_adapter
from pasunchat.classifiers.channels import Layout
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.preprocessing import MULTIPLY_ADD, Preprocessing, complete
from pasunchat.classifiers.heads import ROWS, Ending
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

    def forward(self, inputs: Tensor) -> Tensor:
        """The network's outputs."""
        outputs: Tensor = self.network(inputs)
        return outputs


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
    classifier.adapter, count = _adapter(classifier, preprocessing.size, layout, ending)
    classes = _class_names(count, preprocessing, model)
    classifier.info = replace(classifier.info, classes=classes)
    return classifier


def _adapter(
    classifier: Classifier, size: int, layout: Layout | None, ending: Ending | None
) -> tuple[Adapter, int]:
    """The adapter, found by noise, and the number of classes."""
    model, noise = (
        classifier.known_as,
        torch.rand(ROWS, 3, size, size, generator=generator("probe")),
    )
    among = adapters(classifier.channels, layout, (size, size), classifier.mean.numel(), model)
    try:
        with torch.no_grad():
            found = find_adapter(classifier.outputs, noise, model, among=among, ending=ending)
            logits = found[0].head.logits(lambda: classifier.outputs(noise, found[0]))
    except PasunchatError:
        raise
    except Exception as error:  # code of others, run for the first time
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PasunchatError(
            f"{model} cannot be run on images of {size} x {size} pixels: {reason}"
        ) from error
    if not bool(logits.isfinite().all()):
        raise PasunchatError(f"{model} gives infinite or undefined numbers for plain noise")
    return found


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
