"""Linear bounds: a sum of outputs carried back, through lines, to the pixels (CROWN).

A x + constant bounds what is asked for from below at every step; at the pixels, where a box is all
that is known, it is least at one of its corners (Zhang et al. 2018; Xu et al. 2020, "Automatic
perturbation analysis for scalable certified robustness and beyond"). The errors of rounding are
taken off on the way, step by step: each is at most gamma_n of |A| times the size of what A weighs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.certificates.bounds.intervals import (
    FLOAT32,
    Arithmetic,
    Box,
    around,
    gamma,
    highest,
    through,
)
from pasunchat.certificates.bounds.maxima import (
    Differences,
    Lines,
    added_up,
    constants,
    contest,
    differences,
    lines,
    windows,
)
from pasunchat.certificates.bounds.trace import Convolution, Maximum, Network, Value

ROWS = 64  # sums carried back at once
SPARE = 64  # roundings of lines, and of branches added up


@dataclass(frozen=True)
class Bounds:
    """What is known of every value of a network, for all pictures of a box."""

    network: Network
    boxes: list[Box]  # of each value
    lines: dict[Value, Lines]  # of each maximum
    sizes: dict[Value, Tensor]  # of each step's terms, of which its error is a share
    gaps: dict[Value, Differences]  # in each maximum's windows, where they are known
    arithmetic: Arithmetic


# what is known so far, the maximum's value, the box of what it takes, and the differences in its
# windows -> both, narrower
Tighten = Callable[[Bounds, Value, Box, Differences | None], tuple[Box, Differences | None]]


def as_it_is(
    _: Bounds, __: Value, box: Box, gaps: Differences | None
) -> tuple[Box, Differences | None]:
    """Intervals alone."""
    return box, gaps


def bounds(
    network: Network,
    pixels: Tensor,
    radius: float,
    tighten: Tighten | None = as_it_is,
    arithmetic: Arithmetic = FLOAT32,
) -> Bounds:
    """What is known of every value within a LINF radius of `pixels`, [1, 3, H, W].

    tighten: narrows what a maximum takes before its lines are drawn; None: interval bound
    propagation, whose lines have no slope (Gowal et al. 2018).
    """
    return bounds_in(network, around(pixels, radius), tighten, arithmetic)


def bounds_in(
    network: Network, picture: Box, tighten: Tighten | None, arithmetic: Arithmetic
) -> Bounds:
    """As `bounds`, for the pictures in a box."""
    known = Bounds(network, [picture], {}, {}, {}, arithmetic)
    for value, step in enumerate(network.steps, 1):
        taken = [known.boxes[each] for each in step.inputs]
        if not isinstance(step, Maximum):
            box, known.sizes[value] = through(step, taken, arithmetic)
            known.boxes.append(box)
            continue
        if tighten:
            box, gaps = tighten(known, value, taken[0], between(known, step))
            drawn = lines(step, box, gaps)
            if gaps is not None:
                known.gaps[value] = gaps
        else:
            box, drawn = taken[0], constants(step, taken[0])
        known.boxes[step.inputs[0]] = box
        known.boxes.append(highest(step, box))
        known.lines[value], known.sizes[value] = drawn, drawn.size
    return known


def between(known: Bounds, step: Maximum) -> Differences | None:
    """Bounds of the differences in a maximum's windows, where a convolution makes what it takes."""
    made = step.inputs[0]
    before = known.network.steps[made - 1] if made else None
    if not isinstance(before, Convolution):
        return None
    box = known.boxes[before.inputs[0]]
    return differences(step, before, box, known.sizes[made], known.arithmetic)


def by_values(
    known: Bounds, value: Value, box: Box, gaps: Differences | None
) -> tuple[Box, Differences | None]:
    """The box of what a maximum takes, narrowed by carrying back each value that may decide it,
    one by one: whatever the layers below are."""
    step = known.network.steps[value - 1]
    assert isinstance(step, Maximum)
    made = step.inputs[0]
    open_ = contest(step, box, gaps)
    own = torch.arange(open_.low.shape[-1]) == open_.best
    low = deciding(step, own & open_.may_win, box)
    high = deciding(step, open_.may_win, box)
    narrow = Box(box.low.flatten().clone(), box.high.flatten().clone())
    for which, sign, bound in ((low, 1.0, narrow.low), (high, -1.0, narrow.high)):
        for part in torch.split(which, ROWS):
            bound[part] = sign * least(known, made, sign * each_of(part, box))
    return Box(*(each.reshape(box.low.shape) for each in narrow)).within(box), gaps


def each_of(which: Tensor, box: Box) -> Tensor:
    """Weights of 1 for each of some places, int64 [S], of a flattened box, else 0, [S, ...]."""
    rows = torch.zeros(len(which), box.low.numel(), dtype=torch.float64)
    rows[range(len(which)), which] = 1.0
    return rows.reshape(-1, *box.low.shape[1:])


def deciding(step: Maximum, among: Tensor, box: Box) -> Tensor:
    """The places, in the flattened box, of some values of windows, bool [1, ..., K]."""
    place = torch.arange(box.low.numel(), dtype=torch.float64).reshape(box.low.shape)
    found: Tensor = windows(step, place, -1.0)[among].long().unique()  # type: ignore[no-untyped-call]
    return found[found >= 0]


def least(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    """The least that each weighted sum of a value can be, at least, float64 [S].

    weights: [S, ...], the value being [1, ...].
    """
    parts = [_least(known, value, part) for part in torch.split(weights, ROWS) if len(part)]
    return torch.cat(parts) if parts else weights.new_zeros(0)


def _least(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    return at_a_corner(known, carried(known, alone(value, weights)))


class Sums(NamedTuple):
    """Weighted sums of a network's values, one or several, and a constant."""

    weights: dict[Value, Tensor]  # of each value that has some, [S, ...]
    constant: Tensor  # [S]


def alone(value: Value, weights: Tensor) -> Sums:
    """Weighted sums of one value, [S, ...]."""
    return Sums({value: weights}, weights.new_zeros(len(weights)))


def carried(known: Bounds, sums: Sums, to: Value = 0) -> Sums:
    """Sums that are nowhere larger, of the values up to `to` alone."""
    waiting, total = dict(sums.weights), sums.constant
    for at in range(max(waiting), to, -1):
        if at not in waiting:
            continue
        weights = waiting.pop(at)
        step = known.network.steps[at - 1]
        share = gamma(weights[0].numel() + SPARE)
        if not isinstance(step, Maximum):
            share += known.arithmetic.error(step.terms)
        total = total - share * _added(weights.abs(), known.sizes[at])
        if isinstance(step, Maximum):
            through_lines, constant = _back_through_lines(known, at, step, weights)
            backs = [through_lines]
        else:
            taken = [known.boxes[each].low for each in step.inputs]
            backs = step.back(weights, *taken)
            constant = _added(weights, step.constant(*taken).expand(known.boxes[at].low.shape))
        total = total + constant
        for each, back in zip(step.inputs, backs, strict=True):
            waiting[each] = waiting[each] + back if each in waiting else back
    return Sums(waiting, total)


def at_a_corner(known: Bounds, sums: Sums) -> Tensor:
    """The least of sums of the picture's values alone over its box, [S], rounded down."""
    weights, box = sums.weights[0], known.boxes[0]
    slack = gamma(weights[0].numel() + 4) * _added(weights.abs(), box.size)
    least = _added(weights, box.middle) - _added(weights.abs(), box.half) - slack
    return sums.constant + least


def _back_through_lines(
    known: Bounds, at: Value, step: Maximum, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """The weights of what a maximum takes, and the constant that comes with them, [S]: where a
    weight is positive the lower line counts, else the upper one."""
    drawn = known.lines[at]
    up, down = weights.clamp_min(0), weights.clamp_max(0)
    slopes = up[..., None] * drawn.lower + down[..., None] * drawn.upper
    constant = _added(up, drawn.below) + _added(down, drawn.above)
    return added_up(step, slopes, known.boxes[step.inputs[0]].low.shape), constant


def _added(weights: Tensor, values: Tensor) -> Tensor:
    """Sums of weights [S, ...] times values [1, ...], [S]."""
    return weights.flatten(1) @ values.flatten()
