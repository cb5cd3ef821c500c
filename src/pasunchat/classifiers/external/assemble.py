"""An external network and its preprocessing, put together into a Classifier."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.heads import head_for
from pasunchat.classifiers.external.preprocessing import MULTIPLY_ADD, Preprocessing, complete
from pasunchat.errors import PasunchatError
from pasunchat.storage import sha256

Layout = Literal["NCHW", "NHWC"]


class ExternalNetwork(nn.Module):
    """A network made elsewhere, which is given the order of channels and axes that it expects.

    identity makes the digest of a Classifier differ for networks that have the same weights in
    other layers.
    """

    network: nn.Module  # as it was loaded
    head: nn.Module | None  # turns its outputs into logits; None where they are logits
    layout: Layout  # of its input
    reverse: bool  # whether it wants BGR
    identity: Tensor  # buffer, uint8 [32]: SHA-256 of the file or name and of the preprocessing

    def __init__(self, network: nn.Module, *, layout: Layout, reverse: bool, identity: str) -> None:
        """identity: hexadecimal."""
        super().__init__()
        self.network = network
        self.head = None
        self.layout, self.reverse = layout, reverse
        number = torch.frombuffer(bytearray.fromhex(identity), dtype=torch.uint8)
        self.register_buffer("identity", number)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of normalised pixels, float [N, 3, H, W], RGB."""
        outputs: Tensor = self.network(self.arranged(pixels))
        return outputs if self.head is None else self.head(outputs)

    def arranged(self, pixels: Tensor) -> Tensor:
        """Normalised pixels in the order of channels and axes that the network expects."""
        if self.reverse:
            pixels = pixels.flip(1)
        return pixels.permute(0, 2, 3, 1) if self.layout == "NHWC" else pixels


def assemble(
    network: nn.Module,
    preprocessing: Preprocessing,
    model: str,
    *,
    made_of: bytes | str,
    layout: Layout = "NCHW",
    known_raw: bool = False,
) -> Classifier:
    """The Classifier around a network that takes [N, 3, H, W] (or [N, H, W, 3]).

    model: its name, for errors. made_of: the file's bytes, or the name. known_raw: the outputs are
    known to be logits. Raises PasunchatError for incomplete preprocessing, a network that does not
    run on such images or is no classifier, and a wrong number of class names.
    """
    preprocessing = complete(preprocessing, model)
    assert preprocessing.scale is not None and preprocessing.size is not None
    stretch, shift = MULTIPLY_ADD[preprocessing.scale]
    mean = [(value - shift) / stretch for value in preprocessing.mean or (0.0,)]
    std = [value / stretch for value in preprocessing.std or (1.0,)]
    reverse = preprocessing.channels == "BGR"
    identity = sha256(made_of, repr(preprocessing))
    external = ExternalNetwork(network, layout=layout, reverse=reverse, identity=identity)
    classifier = Classifier(
        external,
        mean=mean[::-1] if reverse else mean,
        std=std[::-1] if reverse else std,
        size=preprocessing.size,
        framing=preprocessing.framing or "pad",
    ).eval()
    external.head = _head(classifier, preprocessing.size, model, known_raw)
    classes = _class_names(classifier, preprocessing, model)
    classifier.info = replace(classifier.info, classes=classes)
    return classifier


def _head(classifier: Classifier, size: int, model: str, known_raw: bool) -> nn.Module | None:
    def outputs_for(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return classifier(pixels)  # type: ignore[no-any-return]

    try:
        return head_for(outputs_for, size, model, known_raw=known_raw)
    except PasunchatError:
        raise
    except Exception as error:  # code of others, run for the first time
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PasunchatError(
            f"{model} cannot be run on images of {size} x {size} pixels: {reason}"
        ) from error


def _class_names(
    classifier: Classifier, preprocessing: Preprocessing, model: str
) -> tuple[str, ...]:
    """Those of the preprocessing; without them numbers, as texts."""
    size, names = preprocessing.size or 1, preprocessing.classes
    count = classifier.predict_logits(torch.zeros(1, 3, size, size)).shape[1]
    if names is None:
        return tuple(map(str, range(count)))
    if len(names) != count:
        raise PasunchatError(
            f"{model} has {count} classes, but {len(names)} names are given: {'/'.join(names[:5])}"
        )
    return names
