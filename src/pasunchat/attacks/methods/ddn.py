"""DDN: the direction by unit gradients, the length by whether the last one reached.

Rony, Hafemann, Oliveira, Ben Ayed, Sabourin and Granger 2019, "Decoupling direction and norm for
efficient gradient-based L2 adversarial attacks and defenses", arXiv:1811.09600, algorithm 1. With d
the change, e its length and g the gradient of the loss,

    d <- d + alpha g/|g|             alpha falls by a cosine from alpha_init to alpha_final
    e <- e (1 - gamma) if the pixels just asked reached, else e (1 + gamma)
    d <- e d/|d|, then cut to pixels in [0, 1]

Where the paper differs: its loss is the cross-entropy (`objective=ce`), which saturates; it rounds
d itself to the grid, here the pixels asked are rounded and d goes on unrounded, so that late steps,
far smaller than a level, are not lost; and it never asks about the last d.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES
from pasunchat.attacks.methods.common import boxed, falling, farthest
from pasunchat.attacks.norms import row_norms, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, ask_snapped


@dataclass(frozen=True)
class DDNState:
    """change: [N, 3, H, W], not rounded. length: e, [N]. clock: questions so far, int64 [N]."""

    change: Tensor
    length: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class DDN:
    """steps: gradients. gamma: by which share the length changes at a step. init_norm: its first
    value, in the unit of L2. alpha_init, alpha_final: how far a step goes along the gradient;
    wider steps see more of the surroundings. objective: what rises: margin, ce (the paper's) or
    dlr."""

    about: ClassVar[str] = "unit gradients for the direction; longer or shorter by 5 % a step"
    paper: ClassVar[str] = "Rony et al. 2019, arXiv:1811.09600"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare with its paper, and where one wide search is wanted"
    cost: ClassVar[str] = "one gradient a step, 100 by default"

    steps: int = 100
    gamma: float = 0.05
    init_norm: float = 1.0
    alpha_init: float = 1.0
    alpha_final: float = 0.01
    objective: Literal["margin", "ce", "dlr"] = "margin"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: expected 1 or more gradients, got {self.steps}")
        if not 0 < self.gamma < 1:
            raise ValueError(f"gamma: expected between 0 and 1, got {self.gamma}")
        for name in ("init_norm", "alpha_init", "alpha_final"):
            if not 0 < (value := getattr(self, name)) < inf:
                raise ValueError(f"{name}: expected a number above 0, got {value}")

    def start(self, problem: Problem, keys: Tensor) -> DDNState:
        clock = torch.zeros(len(keys), dtype=torch.int64, device=problem.pixels.device)
        return DDNState(
            change=torch.zeros_like(problem.pixels),
            length=problem.pixels.new_full((len(keys),), self.init_norm),
            clock=clock,
            done=clock.bool(),
        )

    def ask(self, problem: Problem, state: DDNState) -> Ask:
        return ask_snapped(problem, problem.pixels + state.change, state.clock < self.steps)

    def loss(self, problem: Problem, state: DDNState, logits: Tensor) -> Tensor:
        return LOSSES[self.objective](logits, problem.goal)

    def step(self, problem: Problem, state: DDNState, answer: Answer) -> DDNState:
        if answer.gradient is None:
            return replace(state, done=torch.ones_like(state.done))
        reached, room = answer.reached[:, 0], row_norms(farthest(problem))
        length = state.length * torch.where(reached, 1 - self.gamma, 1 + self.gamma)
        length = torch.minimum(length, room)
        alpha = falling(self.alpha_init, self.alpha_final, state.clock, self.steps, length)
        change = unit(state.change + wide(alpha) * unit(answer.gradient)) * wide(length)
        return DDNState(
            change=boxed(problem, change),
            length=length,
            clock=state.clock + 1,
            done=state.clock >= self.steps,
        )
