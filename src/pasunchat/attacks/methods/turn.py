"""The parts of turning: its state, how far to turn and to go, how many gradients that takes."""

from dataclasses import dataclass
from math import inf, pi

import torch
from torch import Tensor

from pasunchat.attacks.methods.closing import unknown
from pasunchat.attacks.norms import row_sums, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Effort

STRAIGHT, CURVED = 0.15, 0.3  # left over: the share of the margin that the first step leaves
FEW, SOME, MANY, MOST = 8, 20, 40, 100


@dataclass(frozen=True)
class TurningState:
    """direction, pixels (to be asked next): [N, 3, H, W]. scale, power, reach: of those pixels in
    their family. first: |margin| at the photo. slope: margin for each unit of reach. nearest: the
    least reach that reached. looks, budget: gradients, int64. width: of its turns (width_for). low,
    high, closings: the Bracket. All [N] but where said."""

    direction: Tensor
    pixels: Tensor
    scale: Tensor
    power: Tensor
    reach: Tensor
    first: Tensor
    slope: Tensor
    nearest: Tensor
    looks: Tensor
    budget: Tensor
    width: Tensor
    low: Tensor
    high: Tensor
    closings: Tensor
    done: Tensor


def beginning(problem: Problem, budget: int) -> TurningState:
    """Before the first look, which is at the photo."""
    none = torch.zeros_like(problem.pixels[:, 0, 0, 0])
    count = torch.zeros_like(none, dtype=torch.int64)
    bracket = unknown(none)
    return TurningState(
        direction=torch.zeros_like(problem.pixels),
        pixels=problem.pixels,
        scale=none,
        power=none + (1 if problem.levels is None else 3),
        reach=none,
        first=none,
        slope=none,
        nearest=none + inf,
        looks=count,
        budget=count + budget,
        width=none + 1,
        low=bracket.low,
        high=bracket.high,
        closings=bracket.looks,
        done=count.bool(),
    )


def planned(
    state: TurningState,
    looks: Tensor,
    margin: Tensor,
    first: Tensor,
    steps: int | None,
    effort: Effort,
    widest: float,
) -> tuple[Tensor, Tensor]:
    """The budget of gradients, int64 [N], and how many times wider and narrower than usual the row
    turns, [N]; both are set at the second look, by what is left over.

    looks: int64 [N]. margin, first: at this look and at the photo, [N]. steps: so many gradients
    instead. widest: at most so many times.
    """
    now, left_over = looks == 2, margin.abs() / first.abs()
    budget = state.budget
    if steps is None:
        budget = torch.where(now, budget_for(left_over, effort), budget)
    return budget, torch.where(now, width_for(left_over, budget, widest), state.width)


def budget_for(left_over: Tensor, effort: Effort) -> Tensor:
    """Gradients for each row, int64 [N], by the share of the margin that the first step leaves."""
    few, some, many = {
        "quick": (FEW, FEW, FEW),
        "normal": (FEW, SOME, MANY),
        "thorough": (MOST, MOST, MOST),
    }[effort]
    curved = torch.where(left_over < CURVED, some, many)
    return torch.where(left_over < STRAIGHT, few, curved)


def width_for(left_over: Tensor, budget: Tensor, widest: float) -> Tensor:
    """How many times wider a row turns at first, and narrower at last, [N]: in proportion to a
    budget above SOME, up to `widest`, where the boundary is nearly flat.

    Wide turns leave a poor place behind, and what they scatter is averaged out afterwards. Measured
    on flat networks: -0.1 % at 40 gradients, -0.2 to -0.3 % at 100. Where the boundary is curved
    they lose their way (+0.8 % at 40).
    """
    return torch.where(left_over < CURVED, (budget / SOME).clamp(1, widest), 1)


def falling_share(
    looks: Tensor, budget: Tensor, first: float, last: float, width: Tensor | float = 1
) -> Tensor:
    """The weight of the newest gradient against the direction so far, [N]: by a cosine from
    `first` at the first look, times the width, to `last`, divided by it, after the budget."""
    begin, end = first * width, last / width
    return end + (begin - end) * (1 + torch.cos(pi * (looks - 1) / budget)) / 2


def toward(direction: Tensor, gradient: Tensor, size: Tensor, share: Tensor) -> Tensor:
    """unit(direction + share [N] times the unit gradient). size: the gradient's L2, [N]."""
    weight = share / size.clamp_min(torch.finfo(size.dtype).tiny)
    return unit(torch.addcmul(direction, gradient, wide(weight)))


def newton(
    change: Tensor, reach: Tensor, gradient: Tensor, margin: Tensor, dual: Tensor, looks: Tensor
) -> tuple[Tensor, Tensor]:
    """By which share the reach [N] should grow, cut to what one gradient may say, [N]; and the
    margin's slope along the change. Uses up `change`. dual: of the gradient, [N]."""
    along = row_sums(change.mul_(gradient))
    flat = along < 1e-3 * dual * reach
    growth = torch.where(flat, -margin.sign(), -margin / along)
    most = torch.where(looks <= 3, 1.0, 0.3)
    return growth.clamp(-most / (1 + most), most), along / reach
