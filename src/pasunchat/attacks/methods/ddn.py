"""DDN: the direction of the change by unit gradients, its length by whether the last one reached.

Rony, Hafemann, Oliveira, Ben Ayed, Sabourin and Granger 2019, "Decoupling direction and norm for
efficient gradient-based L2 adversarial attacks and defenses", arXiv:1811.09600, algorithm 1. With d
the change, e its length and g the gradient of the loss,

    d <- d + alpha g/|g|             alpha falls by a cosine from alpha_init to alpha_final
    e <- e (1 - gamma) if the last query reached the goal, else e (1 + gamma)
    d <- e d/|d|, then cut to pixels in [0, 1]

Where this differs from the paper: by default the loss is the margin; the paper's cross-entropy
(`loss_function=ce`) saturates. The paper rounds d itself to the grid; here only the queried pixels
are rounded, so that late steps, far smaller than a level, are not lost. e never exceeds the largest
change there is. The last d is queried too.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES, LossName
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
from pasunchat.norms import L2, batch_view, normalize, row_norms


@dataclass(frozen=True)
class DDNState:
    """Where the search is."""

    change: Tensor  # d, [N, 3, H, W], not rounded
    length: Tensor  # e, [N]


@dataclass(frozen=True)
class DDN:
    """Unit gradients for the direction, and a length that adapts at every step."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="unit gradients for the direction; longer or shorter by 5 % a step",
        paper="Rony et al. 2019, arXiv:1811.09600",
        norms=(L2.name,),
        when="to compare with its paper, and where one wide search is wanted",
        cost="one gradient a step, 100 by default",
    )

    steps: int = 100  # number of gradients
    gamma: float = 0.05  # share by which the length changes at a step
    init_norm: float = 1.0  # first length, in L2
    alpha_init: float = 1.0  # first step along the gradient; wider steps explore farther
    alpha_final: float = 0.01  # last step along the gradient
    loss_function: LossName = "margin"  # what is maximised: margin, ce (the paper's) or dlr

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")
        refuse_not_positive(self, "init_norm", "alpha_init", "alpha_final")
        if not 0 < self.gamma < 1:
            raise ValueError(f"gamma: expected between 0 and 1, got {self.gamma}")

    def start(self, problem: Problem, keys: Tensor) -> DDNState:
        length = problem.pixels.new_full((len(keys),), self.init_norm)
        return DDNState(torch.zeros_like(problem.pixels), length)

    def ask(self, problem: Problem, state: DDNState, step: int) -> Query:
        return query_snapped(problem, problem.pixels + state.change)

    def loss(self, problem: Problem, state: DDNState, logits: Tensor) -> Tensor:
        return LOSSES[self.loss_function](logits, problem.goal)

    def step(self, problem: Problem, state: DDNState, answer: Answer, step: int) -> DDNState:
        assert answer.gradient is not None
        alpha = cosine(self.alpha_init, self.alpha_final, step, self.steps)
        change = state.change + alpha * normalize(answer.gradient)
        length = state.length * torch.where(answer.reached[:, 0], 1 - self.gamma, 1 + self.gamma)
        length = torch.minimum(length, row_norms(problem.farthest()))
        return DDNState(problem.in_box(normalize(change) * batch_view(length)), length)
