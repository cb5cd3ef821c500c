"""The search for a change that reaches: an average of unit gradients, and how much of it to take.

V is the average, turned as in L2 (docs/methods.md, 3.1), g the gradient at the last query, m the
margin there, c the change. The next change is what would be best if V were the margin's gradient
everywhere. Where pieces are counted: the n pieces that gain most by V, at the end of their range.
Where sizes are summed: eta (|V|/max|V| - threshold) sign(V) in the box, 0 below the threshold; eta
rises, so that first many values move a little, in the end few move far. V says which pieces. How
many (n, the threshold) says g, on which V hardly depends: as many as make m + g.(c' - c) 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.methods.common import cosine, turned
from pasunchat.attacks.methods.sparse.pieces import (
    as_picture,
    best_pieces,
    first_pieces,
    range_end,
    settle,
    sum_pieces,
)
from pasunchat.attacks.problem import Problem
from pasunchat.norms import batch_view, row_largest, row_sums

FIRST_WEIGHT, LAST_WEIGHT = 2.0, 0.02  # of the newest unit gradient, as in turning
WIDE, WIDE_GRADIENTS, NARROW = 4.0, 10, 1.3  # by how much a length changes at most: first, then
LEAST_CHANGE = 0.005  # and at least, of itself
FIRST_COUNTED = 1 / 16  # of all pieces: the first length at least
FIRST_SUMMED = 1 / 100  # of the largest sum there is: the first length at least
FIRST_SLOPE, LAST_SLOPE = 1.0, 8.0  # eta
HALVINGS = 20  # of the bracket of the threshold


class Bounds(NamedTuple):
    """Between what a length must lie."""

    low: Tensor  # [N]
    high: Tensor  # [N]


def turning_weight(number: Tensor, gradients: int) -> Tensor:
    """The weight of the newest unit gradient in V, [N]. number: int64 [N], which one it is of so
    many `gradients`, from 0; those that come later weigh as the last."""
    every = [cosine(FIRST_WEIGHT, LAST_WEIGHT, step, gradients) for step in range(gradients + 1)]
    return torch.tensor(every, device=number.device)[number.clamp_max(gradients)]


def next_direction(direction: Tensor, gradient: Tensor, number: Tensor, gradients: int) -> Tensor:
    """V with one gradient more, [N, 3, H, W]; number and gradients as in `turning_weight`."""
    return turned(direction, gradient, turning_weight(number, gradients).to(direction))


def first_length(problem: Problem) -> Tensor:
    """How long the first change is at least, [N]: it is to lie deep inside the goal."""
    largest = problem.norm.measure(problem.farthest())
    return largest * (FIRST_COUNTED if problem.norm.counts else FIRST_SUMMED)


def next_length(problem: Problem, length: Tensor, reached: Tensor, number: Tensor) -> Bounds:
    """The next length is shorter where this one [N] reached, else longer; the first is long.

    number: int64 [N], how many gradients came before.
    """
    factor = torch.where(number < WIDE_GRADIENTS, WIDE, NARROW)
    shorter = Bounds(length / factor, length * (1 - LEAST_CHANGE))
    longer = Bounds(length * (1 + LEAST_CHANGE), length * factor)
    if problem.norm.counts:
        shorter = Bounds(shorter.low.floor(), shorter.high.floor())
        longer = Bounds(longer.low.ceil(), longer.high.ceil())
    low, high = (torch.where(reached, *ends) for ends in zip(shorter, longer, strict=True))
    first = number == 0
    low = torch.where(first, first_length(problem), low)
    return Bounds(low, high.masked_fill(first, torch.inf))


def counted_change(
    problem: Problem, direction: Tensor, gradient: Tensor, needed: Tensor, bounds: Bounds
) -> tuple[Tensor, Tensor]:
    """Pixels with the best n pieces by V at the end of their range, [N, 3, H, W], and n [N].

    needed: [N], what g.c must come to.
    """
    end = range_end(problem.pixels, direction)
    room = end - problem.pixels
    order = best_pieces(sum_pieces(problem, direction * room))
    gains = sum_pieces(problem, gradient * room)
    enough = gains.gather(1, order).cumsum(1) >= needed[:, None]
    most = order.shape[1]
    count = torch.where(enough.any(1), enough.byte().argmax(1) + 1, most).to(needed)
    count = count.maximum(bounds.low).minimum(bounds.high).clamp(1, most)
    chosen = as_picture(problem, first_pieces(order, count, gains.shape[1]))
    return settle(problem, torch.where(chosen, end, problem.pixels)), count


def summed_change(
    problem: Problem,
    direction: Tensor,
    gradient: Tensor,
    needed: Tensor,
    bounds: Bounds,
    progress: Tensor,
) -> tuple[Tensor, Tensor]:
    """Pixels with the largest values of V moved, [N, 3, H, W], and by how much in sum [N].

    needed: [N], what g.c must come to. progress: [N], from 0 to 1, how far the start is.
    """
    slope = FIRST_SLOPE * (LAST_SLOPE / FIRST_SLOPE) ** progress
    size = direction.abs()
    size = size / batch_view(row_largest(size).clamp_min(torch.finfo(size.dtype).tiny))

    def change(threshold: Tensor) -> tuple[Tensor, Tensor]:
        moved = batch_view(slope) * (size - batch_view(threshold)).clamp_min(0)
        moved = problem.in_box(moved * direction.sign())
        return moved, row_sums(moved.abs())

    low, high = torch.full_like(needed, -1.0), torch.ones_like(needed)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        moved, length = change(middle)
        enough = (row_sums(gradient * moved) >= needed) & (length >= bounds.low)
        enough |= length > bounds.high
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    moved, length = change(low)
    return settle(problem, problem.pixels + moved), length
