"""What APGD remembers of its points, and what it decides at its checkpoints (see apgd.py)."""

from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor

from pasunchat.attacks.norms import L0
from pasunchat.attacks.problem import Problem

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
