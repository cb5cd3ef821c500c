"""What a contestant of the attacks is, and what it is asked: queries are counted around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier


class Outcome(NamedTuple):
    """pixels: float [N, 3, H, W], a failure in whatever way the contestant shows one. forwards,
    backwards: rows asked of the classifier for each photo, [N]."""

    pixels: Tensor
    forwards: list[float]
    backwards: list[float]


# classifier, pixels [N, 3, H, W] in [0, 1], labels [N], setting -> what was found
Attack = Callable[[Classifier, Tensor, Tensor, str], Outcome]
# model, pixels, labels, setting -> pixels
Peer = Callable[[nn.Module, Tensor, Tensor, str], Tensor]


@dataclass(frozen=True)
class Contestant:
    """An attack of ours or of a peer. seed is of the global random state, which peers draw from."""

    about: str
    attack: Attack
    seed: int = 0


class Counted(nn.Module):
    """A classifier that counts the rows it is asked about, forwards and backwards.

    lead: is added to the logit of the class that is to be left, so that a peer which stops at the
    boundary stops where the others lead by as much; it needs `labels`, one for each row asked.
    """

    def __init__(self, classifier: nn.Module, labels: Tensor, lead: float = 0.0) -> None:
        super().__init__()
        self.classifier = classifier
        self.labels = labels
        self.lead = lead
        self.forwards = self.backwards = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.forwards += len(pixels)
        if pixels.requires_grad:
            pixels = _Backwards.apply(pixels, self)
        logits = self.classifier(pixels)
        if self.lead:
            logits = logits + self.lead * torch.eye(logits.shape[1]).to(logits)[self.labels]
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


def counted(peer: Peer, lead: float = 0.0) -> Attack:
    """A peer's function as an attack: contiguous NCHW in, queries counted (their mean a row)."""

    def attack(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        model = Counted(classifier, labels, lead)
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
    """In evaluation mode, and no gradients of weights: as every peer is told to do."""
    model.eval()
    wanted = [(weight, weight.requires_grad) for weight in model.parameters()]
    for weight, _ in wanted:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight, was in wanted:
            weight.requires_grad_(was)
