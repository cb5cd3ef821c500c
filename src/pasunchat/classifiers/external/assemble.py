"""A network from outside, and what is known of it, made one Classifier."""

from typing import Literal

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.heads import head_for
from pasunchat.classifiers.external.preprocessing import MULTIPLY_ADD, Preprocessing, complete
from pasunchat.errors import PasunchatError
from pasunchat.storage import sha256

Layout = Literal["NCHW", "NHWC"]


class Outside(nn.Module):
    """network: as it came, given its own order of channels and axes. head: what makes logits of
    its outputs, None where they are logits.

    identity: SHA-256 of the file or name and of the facts, a buffer, so that the Classifier's
    digest tells networks apart that have the same weights in other layers.
    """

    identity: Tensor

    def __init__(self, network: nn.Module, *, layout: Layout, reverse: bool, identity: str) -> None:
        super().__init__()
        self.network = network
        self.head: nn.Module | None = None
        self.layout, self.reverse = layout, reverse
        number = torch.frombuffer(bytearray.fromhex(identity), dtype=torch.uint8)
        self.register_buffer("identity", number)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of normalised pixels, float [N, 3, H, W], RGB."""
        if self.reverse:
            pixels = pixels.flip(1)
        if self.layout == "NHWC":
            pixels = pixels.permute(0, 2, 3, 1)
        outputs: Tensor = self.network(pixels)
        return outputs if self.head is None else self.head(outputs)


def assemble(
    network: nn.Module,
    facts: Preprocessing,
    model: str,
    *,
    made_of: bytes | str,
    layout: Layout = "NCHW",
    known_raw: bool = False,
) -> Classifier:
    """The Classifier around a network that takes [N, 3, H, W] (or [N, H, W, 3]).

    made_of: the file's bytes, or its name. known_raw: the outputs are logits for certain.
    Raises PasunchatError for missing facts, a network that cannot run on such pictures or is no
    classifier, and class names of another number.
    """
    facts = complete(facts, model)
    assert facts.scale is not None and facts.size is not None
    stretch, shift = MULTIPLY_ADD[facts.scale]
    mean = [(value - shift) / stretch for value in facts.mean or (0.0,)]
    std = [value / stretch for value in facts.std or (1.0,)]
    reverse = facts.channels == "BGR"
    outside = Outside(
        network,
        layout=layout,
        reverse=reverse,
        identity=sha256(made_of, repr(facts)),
    )
    classifier = Classifier(
        outside,
        mean=mean[::-1] if reverse else mean,
        std=std[::-1] if reverse else std,
        size=facts.size,
        framing=facts.framing or "pad",
    ).eval()
    outside.head = _head(classifier, facts.size, model, known_raw)
    classifier.classes = _names(classifier, facts, model)
    return classifier


def _head(classifier: Classifier, size: int, model: str, known_raw: bool) -> nn.Module | None:
    def ask(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return classifier(pixels)  # type: ignore[no-any-return]

    try:
        return head_for(ask, size, model, known_raw=known_raw)
    except PasunchatError:
        raise
    except Exception as error:  # code of others, run for the first time
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PasunchatError(
            f"{model} cannot be run on pictures of {size} x {size} pixels: {reason}"
        ) from error


def _names(classifier: Classifier, facts: Preprocessing, model: str) -> tuple[str, ...]:
    """As given; else numbers, which are names too."""
    size = facts.size or 1
    count = classifier.predict_logits(torch.zeros(1, 3, size, size)).shape[1]
    if facts.classes is None:
        return tuple(map(str, range(count)))
    if len(facts.classes) != count:
        raise PasunchatError(
            f"{model} tells {count} classes apart, but {len(facts.classes)} names are given: "
            f"{'/'.join(facts.classes[:5])}"
        )
    return facts.classes
