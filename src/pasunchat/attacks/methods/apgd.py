"""APGD: steps that halve themselves where they stop paying, inside a radius.

Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks", arXiv:2003.01690, algorithm 1. With P the projection into the radius and
the box, and eta the step, two radii long at first,

    z <- P(x + eta * steepest(gradient))
    x <- P(x + 0.75 (z - x) + 0.25 (x - x before))

At checkpoints (after 22 % of the steps, then at gaps that shrink by 3 % down to 6 %) eta is halved,
and the search goes back to its best point, where fewer than 75 % of the steps since the last one
raised the loss, or where neither eta nor the best loss has changed since then.
In L1 (Croce and Hein 2021, arXiv:2103.01208, algorithm 1) the step is spread over the largest
values only, as many as two thirds of those that the best point changes.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES
from pasunchat.attacks.methods.apgd_checkpoints import (
    L1_SHARE,
    ApgdState,
    checked,
    checked_l1,
    checkpoints,
    gap,
    seen,
)
from pasunchat.attacks.methods.within import (
    anywhere_inside,
    ask_on_grid,
    inside,
    sparse_step,
    usable_radius,
)
from pasunchat.attacks.norms import L1, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

MOMENTUM = 0.25


@dataclass(frozen=True)
class Apgd:
    """steps: gradients. random: start anywhere inside the radius, else at the photo. objective:
    margin, ce (the paper's, saturates) or dlr (the paper's, three classes and more)."""

    about: ClassVar[str] = "steps that halve themselves where they stop paying"
    paper: ClassVar[str] = "APGD: Croce and Hein 2020, arXiv:2003.01690; L1: 2021, arXiv:2103.01208"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to see whether anything inside a radius fools"
    cost: ClassVar[str] = "100 gradients, less where one fools"

    steps: int = 100
    random: bool = True
    objective: Literal["margin", "ce", "dlr"] = "margin"

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")

    def start(self, problem: Problem, keys: Tensor) -> ApgdState:
        radius = usable_radius(problem)
        shadow = anywhere_inside(problem, radius, keys) if self.random else problem.pixels
        none = torch.zeros_like(radius)
        l1 = problem.norm is L1
        return ApgdState(
            shadow=shadow,
            before=shadow,
            best=shadow,
            best_gradient=torch.zeros_like(shadow),
            loss=none - torch.inf,
            best_loss=none - torch.inf,
            checked_loss=none - torch.inf,
            eta=radius if l1 else 2 * radius,
            halved=none > 0,
            rises=none,
            share=none + L1_SHARE,
            changed=none + problem.pixels[0].numel() if len(none) else none,
            radius=radius,
            clock=none.long(),
            done=none > 0,
        )

    def ask(self, problem: Problem, state: ApgdState) -> Ask:
        return ask_on_grid(problem, state.radius, state.shadow, state.clock < self.steps)

    def loss(self, problem: Problem, state: ApgdState, logits: Tensor) -> Tensor:
        return LOSSES[self.objective](logits, problem.goal)

    def step(self, problem: Problem, state: ApgdState, answer: Answer) -> ApgdState:
        if answer.gradient is None or answer.loss is None:  # the last point has been asked about
            return replace(state, done=torch.ones_like(state.done))
        state = seen(state, answer.loss, answer.gradient)
        shadow, gradient = state.shadow, answer.gradient
        check = checkpoints(self.steps, even=problem.norm is L1).to(state.clock.device)
        back = torch.isin(state.clock, check)
        if back.any():
            if problem.norm is L1:
                state, back = checked_l1(problem, state, back)
            else:
                state, back = checked(state, back, gap(check, state.clock))
            rows = torch.nonzero(back).squeeze(1)
            shadow = shadow.index_copy(0, rows, state.best[rows])
            gradient = gradient.index_copy(0, rows, state.best_gradient[rows])
        moved = self._moved(problem, replace(state, shadow=shadow), gradient)
        return replace(
            state,
            shadow=moved,
            before=shadow,
            clock=state.clock + 1,
            done=state.clock >= self.steps,
        )

    def _moved(self, problem: Problem, state: ApgdState, gradient: Tensor) -> Tensor:
        """The next point."""
        if problem.norm is L1:
            step = sparse_step(gradient, state.share)
            return inside(problem, state.radius, state.shadow + wide(state.eta) * step)
        step = problem.norm.steepest(gradient)
        ahead = inside(problem, state.radius, state.shadow + wide(state.eta) * step)
        if not state.clock.all():  # the first step of each row, which all make together
            return ahead
        mixed = ahead.mul_(1 - MOMENTUM).add_(state.shadow, alpha=2 * MOMENTUM)
        return inside(problem, state.radius, mixed.sub_(state.before, alpha=MOMENTUM))
