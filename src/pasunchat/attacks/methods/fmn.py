"""FMN: a step along the gradient, then back into a ball that shrinks and grows.

Pintor, Roli, Brendel and Biggio 2021, "Fast minimum-norm adversarial attacks through adaptive norm
constraints", arXiv:2102.12827, algorithm 1. With d the change, e the radius of the ball, m the
margin and g its gradient, q the dual of the norm,

    e <- |d| + |m| / |g|_q        until one has reached: where a plane would be crossed
    e <- min(e (1 - gamma), the least |d| that reached)   if the pixels just asked reached
    e <- e (1 + gamma)                                     if others did before
    d <- the nearest to d + alpha g/|g|_2 in the ball, cut to pixels in [0, 1]

alpha and gamma fall by a cosine. L0 and PIXELS count: there e starts at 1 and moves by at least 1.
The gradient is made unit in L2 for every norm, as the paper's program does; LINF therefore wants a
larger alpha. Where the paper differs: pixels asked lie on the grid where there is one, d does not;
the last d is asked about too; until one has reached e grows at least by gamma, since beside the
box |d| + |m| / |g|_q creeps toward the border.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import boxed, falling, farthest
from pasunchat.attacks.norms import L0, LINF, NORMS, PIXELS, Norm, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, ask_snapped

COUNTS = (L0.name, PIXELS.name)


def next_radius(
    norm: Norm, radius: Tensor, gamma: Tensor, reached: Tensor, nearest: Tensor, crossing: Tensor
) -> Tensor:
    """The next radius, [N]; a whole number of at least 1 where the norm counts.

    gamma: by which share it changes. reached: bool, whether the last change did. nearest: the size
    of the smallest that did, infinite before. crossing: where a plane would be crossed. All [N].
    """
    fewer, more = radius * (1 - gamma), radius * (1 + gamma)
    if norm.name in COUNTS:
        fewer = torch.minimum(radius - 1, fewer.floor())
        more = torch.maximum(radius + 1, more.floor())
        return torch.where(reached, torch.minimum(fewer, nearest), more).clamp_min(1)
    more = torch.where(nearest.isinf(), torch.maximum(crossing, more), more)
    return torch.where(reached, torch.minimum(fewer, nearest), more)


def crossing_of(norm: Norm, size: Tensor, lead: Tensor, gradient: Tensor) -> Tensor:
    """How far from the photo a plane would be crossed, [N]: size of the change [N], and margin [N]
    and its gradient there."""
    slope = norm.dual(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)
    return size + lead.abs() / slope


@dataclass(frozen=True)
class FMNState:
    """change: [N, 3, H, W], not rounded. radius: of the ball, [N]. nearest: the least size of a
    change that reached, [N], infinite before. clock: questions so far, int64 [N]."""

    change: Tensor
    radius: Tensor
    nearest: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class FMN:
    """steps: gradients. alpha_init, alpha_final: how far a step goes, in L2; none: 10 for LINF, 1
    for the others, and a hundredth of it in the end. gamma_init, gamma_final: by which share the
    radius changes."""

    about: ClassVar[str] = "a step along the gradient, back into a ball that shrinks and grows"
    paper: ClassVar[str] = "Pintor et al. 2021, arXiv:2102.12827"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = tuple(NORMS)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare with its paper; a steady all-rounder in every norm"
    cost: ClassVar[str] = "one gradient a step, 100 by default"

    steps: int = 100
    alpha_init: float | None = None
    alpha_final: float | None = None
    gamma_init: float = 0.05
    gamma_final: float = 0.001

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: expected 1 or more gradients, got {self.steps}")
        for name in ("alpha_init", "alpha_final"):
            if (value := getattr(self, name)) is not None and not 0 < value < inf:
                raise ValueError(f"{name}: expected a number above 0, or none, got {value}")
        for name in ("gamma_init", "gamma_final"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}: expected between 0 and 1, got {value}")

    def start(self, problem: Problem, keys: Tensor) -> FMNState:
        none = problem.pixels.new_zeros(len(keys))
        clock = torch.zeros_like(none, dtype=torch.int64)
        return FMNState(
            change=torch.zeros_like(problem.pixels),
            radius=none,
            nearest=none + inf,
            clock=clock,
            done=clock.bool(),
        )

    def ask(self, problem: Problem, state: FMNState) -> Ask:
        return ask_snapped(problem, problem.pixels + state.change, state.clock < self.steps)

    def loss(self, problem: Problem, state: FMNState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: FMNState, answer: Answer) -> FMNState:
        if answer.gradient is None:
            return replace(state, done=torch.ones_like(state.done))
        assert answer.loss is not None
        norm, reached = problem.norm, answer.reached[:, 0]
        size = norm.measure(state.change)
        nearest = torch.where(reached, torch.minimum(state.nearest, size), state.nearest)
        crossing = crossing_of(norm, size, answer.loss, answer.gradient)
        radius = next_radius(norm, state.radius, self._gamma(state), reached, nearest, crossing)
        radius = torch.minimum(radius, norm.measure(farthest(problem)))
        alpha = wide(self._alpha(norm, state))
        change = norm.project(state.change + alpha * unit(answer.gradient), radius)
        return FMNState(
            change=boxed(problem, change),
            radius=radius,
            nearest=nearest,
            clock=state.clock + 1,
            done=state.clock >= self.steps,
        )

    def _alpha(self, norm: Norm, state: FMNState) -> Tensor:
        first = self.alpha_init or (10.0 if norm.name == LINF.name else 1.0)
        last = self.alpha_final or first / 100
        return falling(first, last, state.clock, self.steps, state.radius)

    def _gamma(self, state: FMNState) -> Tensor:
        return falling(self.gamma_init, self.gamma_final, state.clock, self.steps, state.radius)
