"""DeepFool: to the nearest of the planes that the gradients draw, again and again.

Moosavi-Dezfooli, Fawzi and Frossard 2016, "DeepFool: a simple and accurate method to fool deep
neural networks", arXiv:1511.04599, algorithms 1 and 2, and section 3.3 for LINF. With f_k the lead
of class k over the photo's class at the pixels just asked, w_k its gradient, q the dual norm,

    k = the class of the least |f_k| / |w_k|_q
    d <- d + (|f_k| / |w_k|_q) times the steepest change of size 1 along w_k

and photo + (1 + overshoot) d, cut to [0, 1], is asked next, until it reaches. The paper leaves a
class; where one is to be reached, its lead over the best other is the only f. Beside the box the
steps creep toward the border and never cross it: the paper's program adds 0.0001 to |f_k|, which
depends on the scale of the logits; here a step is longer by 0.0001 of the size of d.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import boxed
from pasunchat.attacks.norms import wide
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import (
    Access,
    Aim,
    Answer,
    Ask,
    Keeps,
    ask_snapped,
    refuse_below_one,
)

CROSSING = 1e-4


@dataclass(frozen=True)
class DeepFoolState:
    """change: d, [N, 3, H, W], not rounded. clock: questions so far, int64 [N]."""

    change: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class DeepFool:
    """steps: gradients at most. overshoot: by which share more than the planes ask for. nearby:
    how many other classes are looked at, the likeliest first; a gradient each."""

    about: ClassVar[str] = "to the nearest of the planes that the gradients draw, until it reaches"
    paper: ClassVar[str] = "Moosavi-Dezfooli et al. 2016, arXiv:1511.04599"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2", "linf")
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "for a first, quick, rough answer"
    cost: ClassVar[str] = "one gradient a class and step, 50 steps at most"

    steps: int = 50
    overshoot: float = 0.02
    nearby: int = 10

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "nearby")
        if not 0 <= self.overshoot < 10:
            raise ValueError(f"overshoot: expected 0 to below 10, got {self.overshoot}")

    def start(self, problem: Problem, keys: Tensor) -> DeepFoolState:
        clock = torch.zeros(len(keys), dtype=torch.int64, device=problem.pixels.device)
        return DeepFoolState(torch.zeros_like(problem.pixels), clock, clock.bool())

    def ask(self, problem: Problem, state: DeepFoolState) -> Ask:
        farther = boxed(problem, state.change * (1 + self.overshoot))
        return ask_snapped(problem, problem.pixels + farther, state.clock < self.steps)

    def loss(self, problem: Problem, state: DeepFoolState, logits: Tensor) -> Tensor:
        """The leads f, [N, K]; [N] where there is only one, which may be looked around for."""
        if problem.goal.reach or logits.shape[1] == 2:
            return margin(logits, problem.goal)
        return leads(logits, problem.goal, self.nearby)

    def step(self, problem: Problem, state: DeepFoolState, answer: Answer) -> DeepFoolState:
        reached = answer.reached[:, 0]
        if answer.gradient is None or answer.loss is None:
            return DeepFoolState(state.change, state.clock, torch.ones_like(reached))
        towards, lead, slope = self._nearest_plane(problem, answer.loss, answer.gradient)
        way = lead.abs() / slope + CROSSING * problem.norm.measure(state.change)
        way = torch.where(slope > 0, way, 0)
        change = state.change + wide(way) * problem.norm.steepest(towards)
        return DeepFoolState(
            change=boxed(problem, change),
            clock=state.clock + 1,
            done=reached | (slope == 0) | (state.clock >= self.steps),
        )

    def _nearest_plane(
        self, problem: Problem, lead: Tensor, gradient: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient [N, 3, H, W], lead [N] and dual size of the gradient [N] of the plane that is
        the nearest."""
        if lead.ndim == 1:
            return gradient, lead, problem.norm.dual(gradient)
        slope = problem.norm.dual(gradient.flatten(0, 1)).view_as(lead)
        ways = torch.where(slope > 0, lead.abs() / slope, torch.inf)
        rows, chosen = torch.arange(len(lead), device=lead.device), ways.argmin(1)
        return gradient[rows, chosen], lead[rows, chosen], slope[rows, chosen]


def leads(logits: Tensor, goal: Goal, nearby: int) -> Tensor:
    """The lead of each of the `nearby` likeliest other classes over the class to be left, [N, K];
    with a confidence, how far inside it each of them is."""
    own = goal.classes[:, None]
    others = logits.scatter(1, own, -torch.inf)
    count = min(nearby, logits.shape[1] - 1)
    chosen = others.topk(count, 1).indices
    if goal.confidence is None:
        return logits.gather(1, chosen) - logits.gather(1, own)
    each = [Goal(chosen[:, k], True, goal.confidence).margin(logits) for k in range(count)]
    return torch.stack(each, 1)
