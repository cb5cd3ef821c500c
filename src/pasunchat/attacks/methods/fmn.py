"""FMN: a step along the gradient, then back into a ball that shrinks and grows.

Pintor, Roli, Brendel and Biggio 2021, "Fast minimum-norm adversarial attacks through adaptive norm
constraints", arXiv:2102.12827, algorithm 1. With d the change, e the radius of the ball, m the
margin and g its gradient, q the dual of the norm,

    e <- |d| + |m| / |g|_q        until one has reached: where a plane would be crossed
    e <- min(e (1 - gamma), the least |d| that reached)   if the last query reached the goal
    e <- e (1 + gamma)                                     if it did not, but an earlier one did
    d <- the nearest to d + alpha g/|g|_2 in the ball, cut to pixels in [0, 1]

alpha and gamma fall by a cosine. Where a norm counts, e starts at 1 and moves by at least 1. The
gradient is made unit in L2 for every norm, as in the paper's program; LINF therefore wants a larger
alpha.

Where this differs from the paper: the queried pixels lie on the grid where there is one, d does
not. The last d is queried too. Until a query has reached, e grows at least by gamma, since at the
ends of the pixels' range |d| + |m| / |g|_q only creeps toward the border.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import cosine
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    query_snapped,
    refuse_below_one,
    refuse_not_positive,
)
from pasunchat.norms import LINF, NORMS, Norm, normalize


def next_radius(
    norm: Norm, radius: Tensor, gamma: float, reached: Tensor, nearest: Tensor, crossing: Tensor
) -> Tensor:
    """The next radius, [N]; a whole number of at least 1 where the norm counts.

    gamma: by which share it changes. reached: bool [N], whether the last change did. nearest: [N],
    the size of the smallest that did, infinite before. crossing: [N], `distance_to_plane`.
    """
    smaller, larger = radius * (1 - gamma), radius * (1 + gamma)
    if norm.counts:
        smaller = torch.minimum(radius - 1, smaller.floor())
        larger = torch.maximum(radius + 1, larger.floor())
        return torch.where(reached, torch.minimum(smaller, nearest), larger).clamp_min(1)
    larger = torch.where(nearest.isinf(), torch.maximum(crossing, larger), larger)
    return torch.where(reached, torch.minimum(smaller, nearest), larger)


def distance_to_plane(norm: Norm, size: Tensor, margin: Tensor, gradient: Tensor) -> Tensor:
    """How far from the photo the margin would be 0 if it were a plane, [N].

    size: [N], of the change. margin, gradient: [N] and [N, 3, H, W], at the change.
    """
    slope = norm.dual(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)
    return size + margin.abs() / slope


@dataclass(frozen=True)
class FMNState:
    """Where the search is."""

    change: Tensor  # d, [N, 3, H, W], not rounded
    radius: Tensor  # e, [N]
    nearest: Tensor  # [N]: the least size of a change that reached, infinite before


@dataclass(frozen=True)
class FMN:
    """Steps along the gradient, projected into a ball whose radius adapts at every step."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="a step along the gradient, back into a ball that shrinks and grows",
        paper="Pintor et al. 2021, arXiv:2102.12827",
        norms=tuple(NORMS),
        any_norm=True,
        when="to compare with its paper; a steady all-rounder in every norm",
        cost="one gradient a step, 100 by default",
    )

    steps: int = 100  # number of gradients
    # first step along the gradient, in L2; none: 10 for LINF, 1 for other norms
    alpha_init: float | None = None
    alpha_final: float | None = None  # last step, in L2; none: a hundredth of the first
    gamma_init: float = 0.05  # share by which the radius changes at the first step
    gamma_final: float = 0.001  # share by which it changes at the last step

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")
        refuse_not_positive(self, "alpha_init", "alpha_final")
        for name in ("gamma_init", "gamma_final"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}: expected between 0 and 1, got {value}")

    def start(self, problem: Problem, keys: Tensor) -> FMNState:
        zero = problem.pixels.new_zeros(len(keys))
        return FMNState(torch.zeros_like(problem.pixels), radius=zero, nearest=zero + inf)

    def ask(self, problem: Problem, state: FMNState, step: int) -> Query:
        return query_snapped(problem, problem.pixels + state.change)

    def loss(self, problem: Problem, state: FMNState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: FMNState, answer: Answer, step: int) -> FMNState:
        assert answer.gradient is not None and answer.loss is not None
        norm, reached = problem.norm, answer.reached[:, 0]
        size = norm.measure(state.change)
        nearest = torch.where(reached, torch.minimum(state.nearest, size), state.nearest)
        crossing = distance_to_plane(norm, size, answer.loss, answer.gradient)
        gamma = cosine(self.gamma_init, self.gamma_final, step, self.steps)
        radius = next_radius(norm, state.radius, gamma, reached, nearest, crossing)
        radius = torch.minimum(radius, norm.measure(problem.farthest()))
        change = state.change + self._alpha(norm, step) * normalize(answer.gradient)
        return FMNState(problem.in_box(norm.project(change, radius)), radius, nearest)

    def _alpha(self, norm: Norm, step: int) -> float:
        first = self.alpha_init or (10.0 if norm is LINF else 1.0)
        return cosine(first, self.alpha_final or first / 100, step, self.steps)
