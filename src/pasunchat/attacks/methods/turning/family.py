"""The changes along one direction V: the one at a scale s, and the one of a length L.

Of all changes c that go equally far along V, the least is, with clip the cut that keeps the photo
plus c in [0, 1], and values counted in levels where there is a grid:

    L2, float     c = clip(s V)            length L = V.c
    L2, grid      c = clip(round(s V))     length L = V.c
    LINF          c = clip(s sign(V))      length L = s

A scale gives its change at once. A length is met by correcting the scale, as if L were a power of
s: about the first power in float, a higher one on the grid, where small s V are rounded away.
docs/methods.md says why these changes are the least.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.norms import L2, LINF, batch_view, row_largest, row_sums

CORRECTIONS, LENGTH_TOLERANCE = 6, 0.01  # of the scale, until the length is met within a hundredth
ROUNDS_TO_ONE = 0.50001  # of a level
MOST_CORRECTION = 4.0  # by which a scale is multiplied or divided at once
SMALLEST_POWER, LARGEST_POWER = 0.3, 30.0
# Values of a direction in LINF that move by all of L: from 1/4 of the root mean square at first,
# from 1/16 in the end; of a long search from the share that its last gradient has in it.
SOFT, SHARP = 4.0, 16.0
SMALLEST_LENGTH = 1e-30  # stands for a length of 0


class Point(NamedTuple):
    """One change of a family."""

    scale: Tensor  # [N]
    power: Tensor  # [N]: p, where the length grows like scale^p
    pixels: Tensor  # [N, 3, H, W]: the photo plus the change
    length: Tensor  # [N]


class Sought(NamedTuple):
    """The length that a change should have, and where to begin to look for it."""

    length: Tensor  # [N]
    scale: Tensor  # [N]: a first guess
    power: Tensor  # [N]: a first guess
    sharpness: Tensor  # [N]: in LINF, of its soft signs


@dataclass(frozen=True)
class Family:
    """The least changes along a direction, in one norm; and how a direction turns there."""

    # (problem, direction [N, 3, H, W], scale [N], most) -> pixels [N, 3, H, W] and length [N];
    # most: how far a value may move, in [0, 1]
    at: Callable[[Problem, Tensor, Tensor, float], tuple[Tensor, Tensor]]
    # (problem, direction, sought, most) -> the change of that length, within a hundredth, or the
    # longest there is
    of_length: Callable[[Problem, Tensor, Sought, float], Point]
    first_weight: float  # of a unit gradient against the direction, when a short search begins
    last_weight: float  # the same when it ends


def sharpness_at(progress: Tensor, last: Tensor | float = SHARP) -> Tensor:
    """How sharp soft signs are, [N]: by a cosine from SOFT to `last` [N].

    progress: [N], in [0, 1], the share of its gradients that the search has used.
    """
    return SOFT + (last - SOFT) * (1 - torch.cos(pi * progress)) / 2


def soft_signs(direction: Tensor, sharpness: Tensor) -> Tensor:
    """The signs of a direction of unit length; values below 1/sharpness [N] of the root mean square
    become a share of their sign: those whose sign is not sure yet move less."""
    return (direction * batch_view(sharpness * direction[0].numel() ** 0.5)).clamp_(-1, 1)


def scale_for(desired: Tensor, scale: Tensor, length: Tensor, power: Tensor) -> Tensor:
    """The scale whose length is the desired one, [N], if length ~ scale^power holds from a known
    scale and length; at most four times the known scale, at least a quarter."""
    factor = (desired / length.clamp_min(SMALLEST_LENGTH)) ** (1 / power)
    return scale * factor.clamp(1 / MOST_CORRECTION, MOST_CORRECTION)


def power_between(
    scale: Tensor, length: Tensor, other_scale: Tensor, other_length: Tensor, otherwise: Tensor
) -> Tensor:
    """The power p of length ~ scale^p through two points, [N]; `otherwise` [N] where they do not
    determine it."""
    power = (other_length / length).log() / (other_scale / scale).log()
    power = torch.where(power.isfinite(), power, otherwise)
    return power.clamp(SMALLEST_POWER, LARGEST_POWER)


def _l2_length(problem: Problem, direction: Tensor, levels: Tensor, photo: Tensor) -> Tensor:
    return row_sums((levels - photo).mul_(direction)) / problem.max_level


def _l2_at(
    problem: Problem, direction: Tensor, scale: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    photo = problem.photo_levels()
    levels = problem.moved_levels(direction, scale, photo, most)
    length = _l2_length(problem, direction, levels, photo)
    return levels.div_(problem.max_level), length


def _l2_of_length(problem: Problem, direction: Tensor, sought: Sought, most: float) -> Point:
    desired, scale, power, _ = sought
    photo = problem.photo_levels()
    least = _least_scale(problem, direction, photo)
    scale = torch.maximum(scale, least)
    levels = problem.moved_levels(direction, scale, photo, most)
    length = _l2_length(problem, direction, levels, photo)
    for _ in range(CORRECTIONS):
        off = (length - desired).abs() > LENGTH_TOLERANCE * desired
        if not off.any():
            break
        corrected = torch.maximum(scale_for(desired, scale, length, power), least)
        new_scale = torch.where(off, corrected, scale)
        levels = problem.moved_levels(direction, new_scale, photo, most)
        new_length = _l2_length(problem, direction, levels, photo)
        new_power = power_between(scale, length, new_scale, new_length, power)
        power = torch.where(off, new_power, power)
        scale, length = new_scale, new_length
    return Point(scale, power, levels.div_(problem.max_level), length)


def _least_scale(problem: Problem, direction: Tensor, photo: Tensor) -> Tensor:
    """The scale [N] below which no value moves by a level: values at the end of their range move
    one way only. 0 in float, and where no value can move."""
    if problem.levels is None:
        return direction.new_zeros(len(direction))
    ends = torch.where(direction > 0, problem.max_level, 0)
    largest = row_largest(direction * (photo != ends))
    return torch.where(largest > 0, ROUNDS_TO_ONE / largest, 0)


def _linf_at(
    problem: Problem, direction: Tensor, scale: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    length = scale.clamp_max(most)
    return _linf_moved(problem, direction.sign(), length), length


def _linf_of_length(problem: Problem, direction: Tensor, sought: Sought, most: float) -> Point:
    length = sought.length.clamp_max(most)
    pixels = _linf_moved(problem, soft_signs(direction, sought.sharpness), length)
    return Point(length, sought.power, pixels, length)


def _linf_moved(problem: Problem, signs: Tensor, length: Tensor) -> Tensor:
    """The photo moved by signs, not rounded; uses up `signs`."""
    return signs.mul_(batch_view(length)).add_(problem.pixels).clamp_(0, 1)


FAMILIES: Mapping[str, Family] = {
    L2.name: Family(_l2_at, _l2_of_length, first_weight=2.0, last_weight=0.02),
    LINF.name: Family(_linf_at, _linf_of_length, first_weight=1.0, last_weight=0.005),
}
