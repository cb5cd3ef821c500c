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
from functools import lru_cache
from math import ceil
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES, LossName
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, query_inside, refuse_below_one
from pasunchat.norms import L0, L1, batch_view, sparse_step

MOMENTUM = 0.25
FIRST_GAP, GAP_SHRINK, LEAST_GAP = 0.22, 0.03, 0.06  # between checkpoints, of the steps
RISING = 0.75  # of the steps between two checkpoints must raise the loss
# L1: gap between checkpoints, first share of the values in a step, what the changed values are
# divided by for the next share, how few more of them count as sparser, how a step shrinks, and the
# shortest step in radii
L1_GAP, L1_SHARE, L1_SPREAD, L1_SPARSER, L1_SHRINK, L1_LEAST = 0.04, 0.2, 1.5, 0.95, 1.5, 0.1


@dataclass(frozen=True)
class ApgdState:
    """Where each row is, and what it remembers. Points are not rounded."""

    iterate: Tensor  # [N, 3, H, W]: this point
    before: Tensor  # [N, 3, H, W]: the point before
    best: Tensor  # [N, 3, H, W]: the point of the highest loss
    best_gradient: Tensor  # [N, 3, H, W]: there
    loss: Tensor  # [N], at the last point
    best_loss: Tensor  # [N]
    checked_loss: Tensor  # [N]: best_loss at the last checkpoint
    eta: Tensor  # [N]: length of a step
    halved: Tensor  # bool [N]: eta fell at the last checkpoint
    rises: Tensor  # [N]: steps since then that raised the loss
    share: Tensor  # [N], L1: share of the values in a step
    changed: Tensor  # [N], L1: values that the best point changed at the last checkpoint
    radius: Tensor  # [N]


@dataclass(frozen=True)
class Apgd:
    """Steps that halve themselves where they stop paying."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="steps that halve themselves where they stop paying",
        paper="APGD: Croce and Hein 2020, arXiv:2003.01690; L1: 2021, arXiv:2103.01208",
        norms=("linf", "l2", "l1"),
        aims=("within",),
        when="to see whether anything inside a radius fools",
        cost="100 gradients, less where one fools",
    )

    steps: int = 100  # gradients
    random: bool = True  # start anywhere inside the radius, else at the photo
    # what rises: margin, ce (the paper's, saturates) or dlr (the paper's, three classes and more)
    loss_function: LossName = "margin"

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")

    def start(self, problem: Problem, keys: Tensor) -> ApgdState:
        radius = problem.usable_radius()
        iterate = problem.sample(radius, keys) if self.random else problem.pixels
        zero = torch.zeros_like(radius)
        return ApgdState(
            iterate=iterate,
            before=iterate,
            best=iterate,
            best_gradient=torch.zeros_like(iterate),
            loss=zero - torch.inf,
            best_loss=zero - torch.inf,
            checked_loss=zero - torch.inf,
            eta=radius if problem.norm is L1 else 2 * radius,
            halved=zero > 0,
            rises=zero,
            share=zero + L1_SHARE,
            changed=zero + problem.pixels.shape[1:].numel(),
            radius=radius,
        )

    def ask(self, problem: Problem, state: ApgdState, step: int) -> Query:
        return query_inside(problem, state.radius, state.iterate)

    def loss(self, problem: Problem, state: ApgdState, logits: Tensor) -> Tensor:
        return LOSSES[self.loss_function](logits, problem.goal)

    def step(self, problem: Problem, state: ApgdState, answer: Answer, step: int) -> ApgdState:
        assert answer.gradient is not None and answer.loss is not None
        state = _remembered(state, answer.loss, answer.gradient, step)
        iterate, gradient = state.iterate, answer.gradient
        gap = _gap_before(checkpoints(self.steps, even=problem.norm is L1), step)
        if gap is not None:
            if problem.norm is L1:
                state, back = _checked_l1(problem, state)
            else:
                state, back = _checked(state, gap)
            iterate = torch.where(batch_view(back), state.best, iterate)
            gradient = torch.where(batch_view(back), state.best_gradient, gradient)
        state = replace(state, iterate=iterate)
        return replace(state, iterate=self._next(problem, state, gradient, step), before=iterate)

    def _next(self, problem: Problem, state: ApgdState, gradient: Tensor, step: int) -> Tensor:
        """The next point, [N, 3, H, W]."""
        if problem.norm is L1:
            ahead = batch_view(state.eta) * sparse_step(gradient, state.share)
            return problem.inside(state.radius, state.iterate + ahead)
        ahead = batch_view(state.eta) * problem.norm.steepest(gradient)
        ahead = problem.inside(state.radius, state.iterate + ahead)
        if step == 0:
            return ahead
        mixed = ahead.mul_(1 - MOMENTUM).add_(state.iterate, alpha=2 * MOMENTUM)
        return problem.inside(state.radius, mixed.sub_(state.before, alpha=MOMENTUM))


def _remembered(state: ApgdState, loss: Tensor, gradient: Tensor, step: int) -> ApgdState:
    """The point just asked about, beside the best."""
    better = loss > state.best_loss
    rises = state.rises + (loss > state.loss) if step else state.rises
    if better.all():
        best, best_gradient = state.iterate, gradient
    else:
        rows = torch.nonzero(better).squeeze(1)
        best = state.best.index_copy(0, rows, state.iterate[rows])
        best_gradient = state.best_gradient.index_copy(0, rows, gradient[rows])
    return replace(
        state,
        best=best,
        best_gradient=best_gradient,
        best_loss=torch.where(better, loss, state.best_loss),
        loss=loss,
        rises=rises,
    )


def _checked(state: ApgdState, gap: int) -> tuple[ApgdState, Tensor]:
    """At a checkpoint, `gap` steps after the one before: which rows halve their step and go back to
    their best point, bool [N]."""
    stuck = ~state.halved & (state.checked_loss >= state.best_loss)
    back = (state.rises < RISING * gap) | stuck
    changed = replace(
        state,
        eta=torch.where(back, state.eta / 2, state.eta),
        halved=back,
        checked_loss=state.best_loss,
        rises=torch.zeros_like(state.rises),
    )
    return changed, back


def _checked_l1(problem: Problem, state: ApgdState) -> tuple[ApgdState, Tensor]:
    """As `_checked` in L1: a full step again, from the best point, where that point still grows
    sparser; else a shorter one."""
    changed = L0.measure(state.best - problem.pixels)
    back = changed < L1_SPARSER * state.changed
    shorter = (state.eta / L1_SHRINK).clamp_min(L1_LEAST * state.radius)
    share = changed / (problem.pixels.shape[1:].numel() * L1_SPREAD)
    eta = torch.where(back, state.radius, shorter)
    return replace(state, eta=eta, share=share, changed=changed), back


def _gap_before(checkpoints: tuple[int, ...], step: int) -> int | None:
    """Steps since the checkpoint before, or None where `step` is no checkpoint."""
    if step not in checkpoints:
        return None
    return step - max((at for at in checkpoints if at < step), default=0)


@lru_cache(maxsize=64)
def checkpoints(steps: int, *, even: bool = False) -> tuple[int, ...]:
    """After how many gradients the step is checked, rising. even: at equal gaps, as in L1."""
    if even:
        gap = max(int(L1_GAP * steps), 1)
        return tuple(range(gap, steps, gap))
    share, at, found = FIRST_GAP, 0.0, []
    while (at := at + share) < 1 - 1e-9:
        found.append(ceil(at * steps - 1e-9))
        share = max(share - GAP_SHRINK, LEAST_GAP)
    return tuple(sorted(set(found)))
