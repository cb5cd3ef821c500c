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
from math import ceil
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES
from pasunchat.attacks.methods.common import (
    anywhere_inside,
    ask_on_grid,
    inside,
    sparse_step,
    usable_radius,
)
from pasunchat.attacks.norms import L0, L1, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

FIRST_GAP, SHRINK, LEAST_GAP = 0.22, 0.03, 0.06  # of the steps
RISING = 0.75  # of the steps between two checkpoints must raise the loss
L1_GAP, L1_SHARE, L1_SPREAD, L1_SETTLED, L1_FALL, L1_LEAST = 0.04, 0.2, 1.5, 0.95, 1.5, 0.1


@dataclass(frozen=True)
class ApgdState:
    """Rows first. shadow, before: this point and the last one, before the grid; best: the one of
    the highest loss, and its gradient; all [N, 3, H, W]. loss: of the last point. best_loss: the
    highest; checked_loss: that at the last checkpoint. eta: the step's length. halved: whether
    eta fell at the last checkpoint. rises: steps since then that raised the loss. share: of the
    values in an L1 step. changed: how many values the best point changed at the last checkpoint
    (L1). radius; clock: gradients so far; done."""

    shadow: Tensor
    before: Tensor
    best: Tensor
    best_gradient: Tensor
    loss: Tensor
    best_loss: Tensor
    checked_loss: Tensor
    eta: Tensor
    halved: Tensor
    rises: Tensor
    share: Tensor
    changed: Tensor
    radius: Tensor
    clock: Tensor
    done: Tensor


def seen(state: ApgdState, loss: Tensor, gradient: Tensor) -> ApgdState:
    """The point just asked about, beside the best."""
    better = loss > state.best_loss
    rises = state.rises + ((loss > state.loss) & (state.clock > 0))
    if better.all():
        best, slope = state.shadow, gradient
    else:
        rows = torch.nonzero(better).squeeze(1)
        best = state.best.index_copy(0, rows, state.shadow[rows])
        slope = state.best_gradient.index_copy(0, rows, gradient[rows])
    return replace(
        state,
        best=best,
        best_gradient=slope,
        best_loss=torch.where(better, loss, state.best_loss),
        loss=loss,
        rises=rises,
    )


def gap(check: Tensor, clock: Tensor) -> Tensor:
    """Steps since the checkpoint before, int64 [N]."""
    earlier = torch.where(check < clock[:, None], check, 0)
    return clock - earlier.amax(1)


def checked(state: ApgdState, here: Tensor, gap: Tensor) -> tuple[ApgdState, Tensor]:
    """At a checkpoint: which rows halve their step and go back to their best point, bool [N]."""
    stuck = ~state.halved & (state.checked_loss >= state.best_loss)
    back = here & ((state.rises < RISING * gap) | stuck)
    changed = replace(
        state,
        eta=torch.where(back, state.eta / 2, state.eta),
        halved=torch.where(here, back, state.halved),
        checked_loss=torch.where(here, state.best_loss, state.checked_loss),
        rises=torch.where(here, 0, state.rises),
    )
    return changed, back


def checked_l1(problem: Problem, state: ApgdState, here: Tensor) -> tuple[ApgdState, Tensor]:
    """As `checked` in L1: a full step again, from the best point, where that point still grows
    sparser; else a shorter one."""
    values = problem.pixels[0].numel()
    count = L0.measure(state.best - problem.pixels)
    back = here & (count < L1_SETTLED * state.changed)
    shorter = (state.eta / L1_FALL).clamp_min(L1_LEAST * state.radius)
    eta = torch.where(back, state.radius, shorter)
    changed = replace(
        state,
        eta=torch.where(here, eta, state.eta),
        share=torch.where(here, count / (values * L1_SPREAD), state.share),
        changed=torch.where(here, count, state.changed),
    )
    return changed, back


def checkpoints(steps: int, even: bool = False) -> Tensor:
    """After how many gradients the step is looked at, int64 [K], rising; even: as in L1."""
    if even:
        gap = max(int(L1_GAP * steps), 1)
        return torch.arange(gap, steps, gap)
    share, at, found = FIRST_GAP, 0.0, []
    while (at := at + share) < 1 - 1e-9:
        found.append(ceil(at * steps - 1e-9))
        share = max(share - SHRINK, LEAST_GAP)
    return torch.tensor(sorted(set(found)), dtype=torch.int64)


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
