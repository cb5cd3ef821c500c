"""The changes along one direction, in float or on the grid, and how to walk them.

For a linear margin the least L2 change is clip(t V) in float and clip(round(t |V|)) sign(V) on the
grid (shared design, attacks.md 2.6 and attack-numbers.md 3), both inside the box of pixels; the
least LINF change is r sign(V). How far a change goes is its `reach`: change.V in L2, r in LINF.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.methods.common import in_steps, stepped
from pasunchat.attacks.norms import L2, LINF, row_sums, wide
from pasunchat.attacks.problem import Problem

TRIES, NEAR = 6, 0.01
LEAST_STEP = 0.50001  # of a level: what rounds to one
SOFT, SHARP = 4.0, 16.0  # times its root mean square a value is 1 or more: moved by all of r


class Walked(NamedTuple):
    """scale: how far along the family, [N]. power: of the law reach ~ scale^power there, [N].
    pixels: [N, 3, H, W], on the grid where there is one. reach: [N]."""

    scale: Tensor
    power: Tensor
    pixels: Tensor
    reach: Tensor


class Wanted(NamedTuple):
    """target: the reach wanted. scale, power: first guesses. over: share of looks behind. [N]."""

    target: Tensor
    scale: Tensor
    power: Tensor
    over: Tensor


@dataclass(frozen=True)
class Family:
    """at: (problem, direction [N, 3, H, W], scale [N], most) -> pixels, reach. reaching: (problem,
    direction, wanted, most) -> the change whose reach is the target within a hundredth, or the
    farthest. most: how far a value may move. first, last, widest: how it turns (turn.py)."""

    at: Callable[[Problem, Tensor, Tensor, float], tuple[Tensor, Tensor]]
    reaching: Callable[[Problem, Tensor, Wanted, float], Walked]
    first: float
    last: float
    widest: float


def _reach(problem: Problem, direction: Tensor, steps: Tensor, photo: Tensor) -> Tensor:
    return row_sums((steps - photo).mul_(direction)) / problem.unit


def _l2_at(
    problem: Problem, direction: Tensor, scale: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    photo = in_steps(problem)
    steps = stepped(problem, direction, scale, photo, most)
    reach = _reach(problem, direction, steps, photo)
    return steps.div_(problem.unit), reach


def _l2_reaching(problem: Problem, direction: Tensor, wanted: Wanted, most: float) -> Walked:
    target, scale, power, _ = wanted
    if problem.levels is not None:
        scale = torch.maximum(scale, LEAST_STEP / direction.abs().amax((1, 2, 3)))
    photo = in_steps(problem)
    steps = stepped(problem, direction, scale, photo, most)
    reach = _reach(problem, direction, steps, photo)
    for _ in range(TRIES):
        off = (reach - target).abs() > NEAR * target
        if not off.any():
            break
        other = torch.where(off, scaled(scale, reach, target, power), scale)
        steps = stepped(problem, direction, other, photo, most)
        got = _reach(problem, direction, steps, photo)
        power = torch.where(off, law(scale, reach, other, got, power), power)
        scale, reach = other, got
    return Walked(scale, power, steps.div_(problem.unit), reach)


def _linf_at(
    problem: Problem, direction: Tensor, scale: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    reach = scale.clamp_max(most)
    return direction.sign().mul_(wide(reach)).add_(problem.pixels).clamp_(0, 1), reach


def _linf_reaching(problem: Problem, direction: Tensor, wanted: Wanted, most: float) -> Walked:
    reach = wanted.target.clamp_max(most)
    pixels = soft_signs(direction, wanted.over).mul_(wide(reach)).add_(problem.pixels).clamp_(0, 1)
    return Walked(reach, wanted.power, pixels, reach)


def soft_signs(direction: Tensor, over: Tensor) -> Tensor:
    """The signs of a direction of unit length, for values of little account a share of them.

    Values of a quarter of the root mean square and more are -1 or 1 at first, of a sixteenth at
    last. over: which share of all looks lies behind, [N].
    """
    sharpness = SOFT + (SHARP - SOFT) * (1 - torch.cos(pi * over)) / 2
    return (direction * wide(sharpness * direction[0].numel() ** 0.5)).clamp_(-1, 1)


def scaled(scale: Tensor, reach: Tensor, target: Tensor, power: Tensor) -> Tensor:
    """The scale at which the law reach ~ scale^power goes `target` far, at most four times away."""
    factor = (target / reach.clamp_min(1e-30)) ** (1 / power)
    return scale * factor.clamp(0.25, 4)


def law(scale: Tensor, reach: Tensor, other: Tensor, got: Tensor, before: Tensor) -> Tensor:
    """The power of reach ~ scale^power through two points; as before where they say nothing."""
    power = (got / reach).log() / (other / scale).log()
    return torch.where(power.isfinite(), power, before).clamp(0.3, 30)


FAMILIES: Mapping[str, Family] = {
    L2.name: Family(_l2_at, _l2_reaching, first=2.0, last=0.02, widest=4.0),
    LINF.name: Family(_linf_at, _linf_reaching, first=1.0, last=0.005, widest=1.0),
}
