"""The protocol of a defence: a frozen dataclass of settings, with one method that is its paper.

`losses` gives, for a batch, what the loop takes a step on: most give one loss, of inputs that they
have changed. The loop makes the step when a loss is given, and then asks for the next. There is no
base class; `info` states what the defence is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.modes import evaluating, frozen
from pasunchat.norms import Norm, batch_view
from pasunchat.runtime import Runtime
from pasunchat.training.inputs import Targets
from pasunchat.training.loss import Loss

ALL_STEPS = 2.5  # radii: the length of all steps of an inner search together


@dataclass(frozen=True)
class DefenceInfo:
    """What every row of DEFENCES states about itself."""

    about: str  # one line: what it does
    paper: str  # where it comes from
    when: str  # what to use it for, in a few words
    cost: str  # of a step, in passes forward and back; a plain step is one
    against: tuple[str, ...] = ("linf", "l2")  # what it may be asked for: norms, or "noise"
    inside: bool = True  # whether what it trains on lies within the radius of the photo
    in_range: bool = True  # and in [0, 1]
    proves: bool = False  # whether it is for bounds: they narrow on while attacks see no difference


@dataclass(frozen=True)
class DefendedBatch:
    """A batch of N photos, and what a defence may do with it."""

    classifier: Classifier  # in training mode
    runtime: Runtime
    loss: Loss  # with the class weights
    pixels: Tensor  # [N, 3, H, W] in [0, 1]
    targets: Targets
    norm: Norm
    radius: Tensor  # [N], of this step
    keys: Tensor  # int64 [N]: what is drawn for each photo is a function of its key

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] that the step learns from: weights and batch norms follow them."""
        with self.runtime.autocast():
            logits: Tensor = self.classifier(pixels)
        return logits.float()

    def mean_loss(self, pixels: Tensor) -> Tensor:
        """The loss of the step, a scalar, if it learns from these pixels."""
        return self.loss(self.logits(pixels), self.targets)

    def steady_logits(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] in evaluation mode and without gradients, as the inner search sees them."""
        with evaluating(self.classifier), torch.no_grad(), self.runtime.autocast():
            return self.classifier.unmirrored(pixels).float()

    def gradient(self, pixels: Tensor, rising: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Of `rising`, from logits [N, C] to a scalar, by the pixels [N, 3, H, W].

        By default the log odds against the real classes. Up to a factor for each photo, which no
        step depends on, their gradient is the cross-entropy's, and it does not vanish where a
        photo is read for certain. The classifier is asked in evaluation mode, where batch
        norms keep their statistics (Pang et al. 2021, arXiv:2010.00467), and without gradients of
        its weights; nothing of it changes.
        """
        inputs = pixels.detach().requires_grad_()
        with evaluating(self.classifier), frozen(self.classifier):
            with self.runtime.autocast():
                logits = self.classifier.unmirrored(inputs)
            value = (rising or self._odds_against)(logits.float())
            return torch.autograd.grad(value, inputs)[0]

    def _odds_against(self, logits: Tensor) -> Tensor:
        """log((1 - p) / p), p the softmax of the real class, summed over the photos."""
        real = functional.one_hot(self.targets.labels, logits.shape[1]).bool()
        others = logits.masked_fill(real, -torch.inf).logsumexp(1)
        return (others - logits[real]).sum()

    def anywhere(self, share: float = 1.0) -> Tensor:
        """Noise [N, 3, H, W] drawn within a share of the radius."""
        noise = self.norm.sample(self.keys, self.pixels.shape[1:], share * self.radius)
        return noise.to(self.pixels)

    def ahead(self, gradient: Tensor, share: float) -> Tensor:
        """A step as long as a share of the radius, along which the gradient rises most."""
        return batch_view(share * self.radius) * self.norm.steepest(gradient)

    def inside(self, pixels: Tensor) -> Tensor:
        """The pixels put within the radius of the photo and into [0, 1]."""
        return self.norm.project_in_box(self.pixels, pixels - self.pixels, self.radius)


class Defence(Protocol):
    """A row of DEFENCES."""

    @property
    def info(self) -> DefenceInfo:
        """What it is for."""

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """The losses, scalars, each of which the loop takes a step on when it is given."""


def share_of_step(steps: int, share: float | None) -> float:
    """The length of each of so many steps in radii: the share, or one by which they can cross the
    ball together, at most the radius."""
    return min(1.0, ALL_STEPS / steps) if share is None else share


def refuse_out_of_range(defence: Any, **least: float) -> None:
    """Raise ValueError for a setting that is below what is named for it. None is never refused."""
    for name, value in least.items():
        given = getattr(defence, name)
        if given is not None and not value <= given < float("inf"):
            raise ValueError(f"{name}: expected {value:g} or more, got {given}")
