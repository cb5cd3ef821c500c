"""sigma-zero: few values, by Adam on a smooth count and a threshold that adapts.

Source: Cina et al., sigma-zero: gradient-based optimization of l0-norm adversarial examples (ICLR
2025, arXiv:2402.01879), algorithm 1, as in the authors' code. The loss is

    max(-margin, 0) + mean_i c_i^2 / (c_i^2 + sigma)

its gradient divided by its largest entry. After each step what is below the threshold becomes 0,
and the threshold grows while the goal is reached. For PIXELS (ours, the paper counts values) c_i
is the L2 norm of a pixel's three changes.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import corrected, falling, updated
from pasunchat.attacks.norms import wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps

LEAST = 0.1  # of the first step size: the last one's share
SMALLEST = 1e-12


@dataclass(frozen=True)
class SigmaZeroState:
    """change, and its Adam moments mean and square: [N, 3, H, W]. threshold: [N], below it a
    change becomes 0. clock: gradients so far. done: [N]."""

    change: Tensor
    mean: Tensor
    square: Tensor
    threshold: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class SigmaZero:
    """steps: gradients a row. lr: the first step, falling to a tenth by a cosine. sigma: how
    sharply changes are counted, lower is sharper. threshold: the first one, of the range.
    threshold_step: by how much of lr it grows or falls."""

    about: ClassVar[str] = "few values: a smooth count, Adam, and a threshold that adapts"
    paper: ClassVar[str] = "sigma-zero (Cina et al. 2025, arXiv:2402.01879)"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l0", "pixels")
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare with its paper; good at few values"
    cost: ClassVar[str] = "one gradient a step, 100 by default"

    steps: int = 100
    lr: float = 1.0
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_step: float = 0.01

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: expected 1 or more gradients, got {self.steps}")
        if not (self.lr > 0 and self.sigma > 0 and self.threshold_step >= 0):
            raise ValueError(
                f"lr, sigma and threshold_step: expected above 0, got {self.lr}, {self.sigma} and "
                f"{self.threshold_step}"
            )
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: expected 0 to 1, got {self.threshold}")

    def start(self, problem: Problem, keys: Tensor) -> SigmaZeroState:
        nothing = torch.zeros_like(problem.pixels)
        count = torch.zeros(len(keys), dtype=torch.int64, device=nothing.device)
        threshold = nothing.new_full((len(keys),), self.threshold)
        return SigmaZeroState(nothing, nothing, nothing, threshold, count, count.bool())

    def ask(self, problem: Problem, state: SigmaZeroState) -> Ask:
        pixels = (problem.pixels + state.change).clamp(0, 1)
        return Ask(pixels[:, None], torch.ones_like(state.done))

    def loss(self, problem: Problem, state: SigmaZeroState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: SigmaZeroState, answer: Answer) -> SigmaZeroState:
        assert answer.gradient is not None
        reached = answer.reached[:, 0]
        uphill = torch.where(wide(reached), 0, -answer.gradient)
        uphill = uphill + self._count_slope(problem, state.change)
        uphill = uphill / wide(uphill.abs().flatten(1).amax(1).clamp_min(SMALLEST))
        mean, square = updated(state.mean, state.square, uphill)
        clock = state.clock + 1
        step, root = corrected(mean, square, clock)
        rate = self._rate(state.clock - 1, mean)
        change = state.change - wide(rate) * step / root
        change = (problem.pixels + change).clamp(0, 1) - problem.pixels
        moved = self.threshold_step * self._rate(state.clock, change)
        threshold = (state.threshold + torch.where(reached, moved, -moved)).clamp(0, 1)
        small = _size(problem, change) < wide(threshold)
        return replace(
            state,
            change=torch.where(small, 0, change),
            mean=mean,
            square=square,
            threshold=threshold,
            clock=clock,
            done=clock >= self.steps,
        )

    def _count_slope(self, problem: Problem, change: Tensor) -> Tensor:
        """The gradient of mean_i c_i^2 / (c_i^2 + sigma)."""
        size = _size(problem, change)
        parts = size[0].numel()
        return 2 * self.sigma / parts * change / (size.square() + self.sigma).square()

    def _rate(self, clock: Tensor, like: Tensor) -> Tensor:
        """The step size after `clock` [N] steps; before the first, as at the first."""
        return falling(self.lr, LEAST * self.lr, clock.clamp_min(0), self.steps, like)


def _size(problem: Problem, change: Tensor) -> Tensor:
    """How large each counted part of the change is, [N, 3 or 1, H, W]."""
    if problem.norm.name == "pixels":
        return change.square().sum(1, keepdim=True).sqrt()
    return change.abs()
