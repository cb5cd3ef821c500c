"""sigma-zero: few changed values, by Adam on a smooth count and a threshold that adapts.

Cina, Villani, Pintor, Schonherr, Biggio and Pelillo 2025, "sigma-zero: gradient-based optimization
of l0-norm adversarial examples", ICLR, arXiv:2402.01879, algorithm 1. With d the change, m the
margin of the goal, t the threshold and eta the step size, which falls by a cosine,

    g <- the gradient of max(-m, 0) + mean_i d_i^2 / (d_i^2 + sigma), over its largest entry
    d <- d - eta Adam(g), cut to pixels in [0, 1]
    t <- t + threshold_step eta if the query reached the goal, else t - threshold_step eta
    d_i <- 0 where |d_i| < t

Where this differs from the paper: its authors' code is followed, Adam included. For PIXELS, which
the paper does not count, |d_i| is the L2 norm of a pixel's three changes. The last d is queried
too.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import adam_step, cosine
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    refuse_below_one,
    refuse_not_positive,
)
from pasunchat.norms import L0, PIXELS, batch_view, row_largest

LAST_LR = 0.1  # share of the first step size that the last one has
SMALLEST = 1e-12  # a gradient is divided by no less


@dataclass(frozen=True)
class SigmaZeroState:
    """Where the search is."""

    change: Tensor  # d, [N, 3, H, W]
    exp_avg: Tensor  # Adam's first moment, [N, 3, H, W]
    exp_avg_sq: Tensor  # Adam's second moment, [N, 3, H, W]
    threshold: Tensor  # t, [N]: what is smaller becomes 0


@dataclass(frozen=True)
class SigmaZero:
    """Few changed values or pixels, by a smooth count that Adam makes small."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="few values: a smooth count, Adam, and a threshold that adapts",
        paper="sigma-zero (Cina et al. 2025, arXiv:2402.01879)",
        norms=(L0.name, PIXELS.name),
        when="to compare with its paper; good at few values",
        cost="one gradient a step, 100 by default",
    )

    steps: int = 100  # number of gradients
    lr: float = 1.0  # first step size, falling to a tenth by a cosine
    sigma: float = 1e-3  # smoothness of the count; lower is sharper
    threshold: float = 0.3  # first threshold below which a change becomes 0, in [0, 1]
    threshold_step: float = 0.01  # share of the step size by which the threshold moves

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")
        refuse_not_positive(self, "lr", "sigma")
        if not 0 <= self.threshold_step < float("inf"):
            raise ValueError(f"threshold_step: expected 0 or more, got {self.threshold_step}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: expected 0 to 1, got {self.threshold}")

    def start(self, problem: Problem, keys: Tensor) -> SigmaZeroState:
        zero = torch.zeros_like(problem.pixels)
        return SigmaZeroState(zero, zero, zero, zero.new_full((len(keys),), self.threshold))

    def ask(self, problem: Problem, state: SigmaZeroState, step: int) -> Query:
        return Query((problem.pixels + state.change).clamp(0, 1)[:, None])

    def loss(self, problem: Problem, state: SigmaZeroState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(
        self, problem: Problem, state: SigmaZeroState, answer: Answer, step: int
    ) -> SigmaZeroState:
        assert answer.gradient is not None
        reached = answer.reached[:, 0]
        gradient = torch.where(batch_view(reached), 0, -answer.gradient)
        gradient = gradient + self._count_gradient(problem, state.change)
        gradient = gradient / batch_view(row_largest(gradient).clamp_min(SMALLEST))
        adam = adam_step(state.exp_avg, state.exp_avg_sq, gradient, step + 1)
        # as in the authors' code, Adam takes the step size that was set after the step before
        change = state.change - self._step_size(max(step - 1, 0)) * adam.direction
        change = problem.in_box(change)
        grown = self.threshold_step * self._step_size(step)
        threshold = (state.threshold + torch.where(reached, grown, -grown)).clamp(0, 1)
        small = problem.norm.parts(change) < batch_view(threshold)
        return SigmaZeroState(
            torch.where(small, 0, change), adam.exp_avg, adam.exp_avg_sq, threshold
        )

    def _count_gradient(self, problem: Problem, change: Tensor) -> Tensor:
        """The gradient of mean_i d_i^2 / (d_i^2 + sigma)."""
        size = problem.norm.parts(change)
        return 2 * self.sigma / size[0].numel() * change / (size.square() + self.sigma).square()

    def _step_size(self, step: int) -> float:
        return cosine(self.lr, LAST_LR * self.lr, step, self.steps)
