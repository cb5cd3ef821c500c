"""What a contestant of the attacks is: a function that changes photos, and its queries counted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier


class Outcome(NamedTuple):
    """What a contestant returned, and what it cost."""

    pixels: Tensor  # float [N, 3, H, W]; a failure in whatever way the contestant shows one
    forwards: list[float]  # [N]: queries of each photo
    backwards: list[float]  # [N]: gradients of each photo


# classifier, pixels [N, 3, H, W] in [0, 1], labels [N], setting -> what was found
Attack = Callable[[Classifier, Tensor, Tensor, str], Outcome]
# model, pixels, labels, setting -> pixels
Peer = Callable[[nn.Module, Tensor, Tensor, str], Tensor]


@dataclass(frozen=True)
class Contestant:
    """An attack of ours or of a peer."""

    about: str
    attack: Attack
    seed: int = 0  # of the global random state, which peers draw from


class Counted(nn.Module):
    """A classifier that counts queries and gradients, in rows.

    least_margin: added to the logit of the class to leave, so that a peer that stops at the
    boundary stops where another class has that margin. It needs `labels`, one for each row.
    """

    def __init__(self, classifier: nn.Module, labels: Tensor, least_margin: float = 0.0) -> None:
        super().__init__()
        self.classifier = classifier
        self.labels = labels
        self.least_margin = least_margin
        self.forwards = self.backwards = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.forwards += len(pixels)
        if pixels.requires_grad:
            pixels = _Backwards.apply(pixels, self)
        logits = self.classifier(pixels)
        if self.least_margin:
            own = torch.eye(logits.shape[1]).to(logits)[self.labels]
            logits = logits + self.least_margin * own
        return logits


class _Backwards(torch.autograd.Function):
    """The identity, which counts the rows whose gradient passes."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, owner: Counted) -> Tensor:
        ctx.owner = owner
        return pixels.view_as(pixels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ctx.owner.backwards += len(gradient)
        return gradient, None


def counted(peer: Peer, least_margin: float = 0.0) -> Attack:
    """A peer's function as an attack: contiguous NCHW in; each photo's count is the mean."""

    def attack(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        model = Counted(classifier, labels, least_margin)
        rows = len(pixels)
        with frozen(model):
            found = peer(model, pixels.contiguous(), labels, setting).detach()
        return Outcome(found, [model.forwards / rows] * rows, [model.backwards / rows] * rows)

    return attack


def one_by_one(attack: Attack) -> Attack:
    """The same attack, each photo in a batch of its own."""

    def alone(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        pairs = zip(pixels.split(1), labels.split(1), strict=True)
        parts = [attack(classifier, photo, label, setting) for photo, label in pairs]
        return Outcome(
            torch.cat([part.pixels for part in parts]),
            [count for part in parts for count in part.forwards],
            [count for part in parts for count in part.backwards],
        )

    return alone


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients of weights, as every peer's manual says."""
    model.eval()
    wanted = [(weight, weight.requires_grad) for weight in model.parameters()]
    for weight, _ in wanted:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight, was in wanted:
            weight.requires_grad_(was)
