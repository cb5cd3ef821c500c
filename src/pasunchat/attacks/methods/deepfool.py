"""DeepFool: to the nearest of the planes that the gradients draw, again and again.

Moosavi-Dezfooli, Fawzi and Frossard 2016, "DeepFool: a simple and accurate method to fool deep
neural networks", arXiv:1511.04599, algorithms 1 and 2, and section 3.3 for LINF. With f_k the logit
of class k less that of the photo's class at the last query, w_k the gradient of f_k, q the dual
norm,

    k = the class of the least |f_k| / |w_k|_q
    d <- d + (|f_k| / |w_k|_q) times the steepest change of size 1 along w_k

and photo + (1 + overshoot) d, cut to [0, 1], is queried next, until it reaches the goal.

Where this differs from the paper: the paper leaves a class; where one is to be reached, its margin
over the best other is the only f. At the ends of the pixels' range the steps creep toward the
border and never cross it: the paper's program adds 0.0001 to |f_k|, which depends on the scale of
the logits; here a step is longer by 0.0001 of the size of d.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import likeliest_others, margin
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, query_snapped, refuse_below_one
from pasunchat.norms import L2, LINF, Norm, batch_view

EXTRA_LENGTH = 1e-4  # of a step, as a share of the size of d


def slopes(norm: Norm, gradient: Tensor) -> Tensor:
    """|w_k|_q, [N, K]: how much each f_k grows with the distance. gradient: [N, K, 3, H, W]."""
    return norm.dual(gradient.flatten(0, 1)).view(gradient.shape[:2])


@dataclass(frozen=True)
class DeepFoolState:
    """Where the search is."""

    change: Tensor  # d, [N, 3, H, W], not rounded
    done: Tensor  # bool [N]: reached, or without a gradient to follow


@dataclass(frozen=True)
class DeepFool:
    """Straight to the nearest plane of the classifier's gradients, until the goal is reached."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="to the nearest of the planes that the gradients draw, until it reaches",
        paper="Moosavi-Dezfooli et al. 2016, arXiv:1511.04599",
        norms=(L2.name, LINF.name),
        when="for a first, quick, rough answer",
        cost="one gradient a class and step, 50 steps at most",
    )

    steps: int = 50  # largest number of steps
    overshoot: float = 0.02  # share by which a query goes beyond the planes
    nearby: int = 10  # number of other classes considered, the likeliest; one gradient each

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "nearby")
        if not 0 <= self.overshoot < 10:
            raise ValueError(f"overshoot: expected 0 to below 10, got {self.overshoot}")

    def start(self, problem: Problem, keys: Tensor) -> DeepFoolState:
        done = torch.zeros(len(keys), dtype=torch.bool, device=problem.pixels.device)
        return DeepFoolState(torch.zeros_like(problem.pixels), done)

    def ask(self, problem: Problem, state: DeepFoolState, step: int) -> Query:
        beyond = problem.in_box(state.change * (1 + self.overshoot))
        return query_snapped(problem, problem.pixels + beyond)

    def loss(self, problem: Problem, state: DeepFoolState, logits: Tensor) -> Tensor:
        """f, [N, K]; [N] where there is only one, whose gradient may then be estimated."""
        if problem.goal.targeted or logits.shape[1] == 2:
            return margin(logits, problem.goal)
        others = likeliest_others(logits, problem.goal, self.nearby)
        return problem.goal.class_margins(logits, others)

    def step(
        self, problem: Problem, state: DeepFoolState, answer: Answer, step: int
    ) -> DeepFoolState:
        gradient, f, slope = self._nearest_plane(problem, answer)
        length = f.abs() / slope + EXTRA_LENGTH * problem.norm.measure(state.change)
        length = torch.where(slope > 0, length, 0)
        change = state.change + batch_view(length) * problem.norm.steepest(gradient)
        done = answer.reached[:, 0] | (slope == 0)
        return DeepFoolState(problem.in_box(change), done)

    def _nearest_plane(self, problem: Problem, answer: Answer) -> tuple[Tensor, Tensor, Tensor]:
        """w_k [N, 3, H, W], f_k [N] and |w_k|_q [N] of the plane that is the nearest."""
        assert answer.gradient is not None and answer.loss is not None
        f, gradient = answer.loss, answer.gradient
        if f.ndim == 1:
            return gradient, f, problem.norm.dual(gradient)
        slope = slopes(problem.norm, gradient)
        away = torch.where(slope > 0, f.abs() / slope, torch.inf)
        rows, nearest = torch.arange(len(f), device=f.device), away.argmin(1)
        return gradient[rows, nearest], f[rows, nearest], slope[rows, nearest]
