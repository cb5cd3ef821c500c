"""Straight lines under and over a maximum: relu, max-pooling, or both as one function.

y = max(x_1, ..., x_K), and of 0 where it is a relu too. x_j is the value of a window with the
largest centre. Under it lies x_j, or 0. Over it, since x_i = x_j + (x_i - x_j),

    y <= x_j + sum over i of relu(x_i - x_j),

and each of these relus lies under its chord. That is a narrow bound because the difference of two
values that one convolution makes at neighbouring places is a convolution too, with a kernel whose
weights mostly cancel: `differences` bounds it by itself instead of by its two ends. The chord of
the outer relu comes last (Zhang et al. 2018, "Efficient neural network robustness certification
with general activation functions", section 3).
"""

from dataclasses import dataclass
from itertools import combinations, product
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import conv2d, fold, pad

from pasunchat.certificates.bounds.intervals import (
    UNIT,
    WIDER,
    Arithmetic,
    Box,
    gamma,
    highest,
)
from pasunchat.certificates.bounds.trace import Convolution, Maximum, Window


@dataclass(frozen=True)
class Lines:
    """lower x + below <= y <= upper x + above, for each window. Slopes [1, ..., K], K values a
    window; the rest [1, ...]."""

    chosen: Tensor  # 1 at the value that the lower line follows, else 0, [1, ..., K]
    share: Tensor  # of it, in [0, 1]: of a relu any share is a line under it
    below: Tensor
    upper: Tensor
    above: Tensor
    size: Tensor  # the largest that the terms of either line add up to, signs left out

    @property
    def lower(self) -> Tensor:
        """The slopes of the lower lines, [1, ..., K]."""
        return self.chosen * self.share[..., None]


@dataclass(frozen=True)
class Differences:
    """x_a - x_b for each pair a < b of a window's K values: within `reach` of `middle`, both
    [1, ..., K (K - 1) / 2], the pairs as `itertools.combinations` has them."""

    middle: Tensor
    reach: Tensor

    def against(self, best: Tensor, values: int) -> Box:
        """Bounds of x_i - x_j, [1, ..., K], j being `best`, [1, ..., 1], of each window."""
        first, second = torch.triu_indices(values, values, 1)
        sign = torch.zeros(values, values, dtype=torch.float64)
        sign[first, second], sign[second, first] = -1.0, 1.0
        which = pairs(values)[best[..., 0]]
        middle = sign[best[..., 0]] * self.middle.gather(-1, which)
        reach = self.reach.gather(-1, which)
        return Box(middle - reach, middle + reach)


def pairs(values: int) -> Tensor:
    """The number of the pair of a and b, in either order, among so many values, int64
    [values, values]."""
    number = torch.zeros(values, values, dtype=torch.int64)
    first, second = torch.triu_indices(values, values, 1)
    number[first, second] = number[second, first] = torch.arange(len(first))
    return number


def windows(step: Maximum, values: Tensor, fill: float = 0.0) -> Tensor:
    """The values of each window, [S, ..., K] of [S, ...]. fill: stands beyond the edges."""
    if step.window is None:
        return values[..., None]
    window = step.window
    rows, columns = window.padding
    if rows or columns:
        values = pad(values, (columns, columns, rows, rows), value=fill)
    each = values.unfold(2, window.kernel[0], window.stride[0])
    each = each.unfold(3, window.kernel[1], window.stride[1])
    places = [place for row in each.unbind(-2) for place in row.unbind(-1)]
    return torch.stack(places, -1)  # three times as fast as to flatten them


def added_up(step: Maximum, values: Tensor, shape: torch.Size) -> Tensor:
    """The transpose of `windows`: [S, ..., K] -> [S, ...] of the given shape [1, ...]."""
    if step.window is None:
        return values[..., 0]
    window = step.window
    many, channels, height, width, of_one = values.shape
    if window.stride == window.kernel and shape[2:] == (
        height * window.kernel[0],
        width * window.kernel[1],
    ):
        apart = values.reshape(many, channels, height, width, *window.kernel)
        return apart.permute(0, 1, 2, 4, 3, 5).reshape(many, *shape[1:])
    columns = values.movedim(-1, 2).reshape(many, channels * of_one, height * width)
    return fold(columns, shape[2:], window.kernel, padding=window.padding, stride=window.stride)


def differences(
    step: Maximum, before: Convolution, box: Box, size: Tensor, arithmetic: Arithmetic
) -> Differences | None:
    """Bounds of the differences in each window, where a convolution made its values of values in
    a box; None where windows reach beyond the edges, or are of one value.

    size: of the convolution's terms, as of `through`.
    """
    window = step.window
    if window is None or window.padding != (0, 0) or prod(window.kernel) == 1:
        return None
    between = torch.stack([a - b for a, b in combinations(window_kernels(before, window), 2)])
    reach = _strided(before, window, between.abs(), box.half) * WIDER
    share = arithmetic.error(before.terms) + gamma(2 * before.terms + 4)
    sizes = windows(step, size * share * WIDER).unbind(-1)
    reach = reach + torch.stack([a + b for a, b in combinations(sizes, 2)], -1)
    middles = windows(step, before.apply(box.middle)).unbind(-1)
    return Differences(torch.stack([a - b for a, b in combinations(middles, 2)], -1), reach)


def window_kernels(before: Convolution, window: Window) -> Tensor:
    """The kernels that make, of what lies under a whole window, its value at each place,
    [K, O, C / groups, k, k]."""
    spaced = _dilated(before)
    rows, columns = (
        step * (kernel - 1) for step, kernel in zip(before.stride, window.kernel, strict=True)
    )
    places = product(range(window.kernel[0]), range(window.kernel[1]))
    moves = [(before.stride[0] * row, before.stride[1] * column) for row, column in places]
    return torch.stack(
        [pad(spaced, (right, columns - right, down, rows - down)) for down, right in moves]
    )


def _dilated(before: Convolution) -> Tensor:
    """The kernel with zeros between its weights, as its dilation has it."""
    out, within, height, width = before.weight.shape
    down, right = before.dilation
    spaced = before.weight.new_zeros(out, within, (height - 1) * down + 1, (width - 1) * right + 1)
    spaced[:, :, ::down, ::right] = before.weight
    return spaced


def _strided(before: Convolution, window: Window, kernels: Tensor, values: Tensor) -> Tensor:
    """Kernels of a whole window, [P, O, C / groups, k, k], applied to each window:
    [1, O, h, w, P]."""
    stride = [one * two for one, two in zip(before.stride, window.stride, strict=True)]
    many, out = kernels.shape[:2]
    groups = before.groups
    grouped = kernels.reshape(many, groups, out // groups, *kernels.shape[2:])
    flat = grouped.transpose(0, 1).flatten(0, 2)
    made = conv2d(values, flat, None, stride, before.padding, groups=groups)
    apart = made.reshape(groups, many, out // groups, *made.shape[2:])
    return apart.permute(0, 2, 3, 4, 1).reshape(1, out, *made.shape[2:], many)


def constants(step: Maximum, box: Box) -> Lines:
    """Lines without a slope: the interval of the maximum, for interval bound propagation."""
    flat, out = torch.zeros_like(windows(step, box.low)), highest(step, box)
    return Lines(flat, torch.zeros_like(out.low), out.low, flat, out.high, out.size)


@dataclass(frozen=True)
class Contest:
    """The values of each window beside the best of them, x_j, the one with the largest centre."""

    low: Tensor  # [1, ..., K]
    high: Tensor
    best: Tensor  # [1, ..., 1]: j
    gap: Box  # of x_i - x_j, [1, ..., K]
    undecided: Tensor  # bool [1, ...]: windows of which it is open what their maximum is
    may_win: Tensor  # bool [1, ..., K]: values that may be it


def contest(step: Maximum, box: Box, between: Differences | None) -> Contest:
    """Which value of each window may be its maximum."""
    nowhere = float(box.low.min()) - 1  # beyond an edge: below all that there is
    low, high = windows(step, box.low, nowhere), windows(step, box.high, nowhere)
    best = ((low + high) / 2).argmax(-1, keepdim=True)
    own_low, own_high = low.gather(-1, best), high.gather(-1, best)
    least, most = low - own_high, high - own_low
    gap = Box(least - least.abs() * 2 * UNIT, most + most.abs() * 2 * UNIT)
    if between is not None:
        gap = gap.within(between.against(best, low.shape[-1]))
    own = torch.arange(low.shape[-1]) == best
    gap = Box(gap.low.masked_fill(own, 0.0), gap.high.masked_fill(own, 0.0))
    rivals = gap.high > 0
    undecided = rivals.any(-1)
    if step.zero:
        undecided = (undecided | (own_low[..., 0] < 0)) & (high.amax(-1) > 0)
    return Contest(low, high, best, gap, undecided, (rivals | own) & undecided[..., None])


def lines(step: Maximum, box: Box, between: Differences | None = None) -> Lines:
    """The lines for values in a box. between: `differences` of the values of each window."""
    found = contest(step, box, between)
    low, high, best, gap = found.low, found.high, found.best, found.gap
    middle, size = (low + high) / 2, torch.maximum(low.abs(), high.abs())
    chosen = torch.zeros_like(low).scatter_(-1, best, 1.0)
    at_least, at_most = low.amax(-1), high.amax(-1)
    slope = _chord(gap.low, gap.high)
    upper = slope + chosen * (1 - slope.sum(-1, keepdim=True))
    above = -(slope * gap.low.clamp_max(0)).sum(-1)
    roundings = gamma(low.shape[-1] + 8)
    above = above + roundings * (above + ((1 + slope.sum(-1, keepdim=True)) * size).amax(-1))
    constant = (upper * middle).sum(-1) + above > at_most
    upper = torch.where(constant[..., None], 0.0, upper)
    above = torch.where(constant, at_most, above)
    share = torch.ones_like(above)
    if step.zero:
        chord = _chord(at_least, at_most)
        upper = upper * chord[..., None]
        lift = chord * (above - at_least.clamp_max(0))
        terms = (upper.abs() * size).sum(-1) + chord * (above.abs() + at_least.abs())
        above = torch.where(at_most > 0, lift + roundings * terms, 0.0)
        share = ((high + low).gather(-1, best)[..., 0] > 0).double()
    terms = (torch.maximum(chosen, upper.abs()) * size).sum(-1) + above.abs()
    return Lines(chosen, share, torch.zeros_like(above), upper, above, terms)


def _chord(low: Tensor, high: Tensor) -> Tensor:
    """The slope over relu between two ends: at least high / (high - low), 0 or 1 where it does
    not bend."""
    bent = high / (high - low).clamp_min(torch.finfo(low.dtype).tiny) * WIDER
    return torch.where(high <= 0, 0.0, torch.where(low >= 0, 1.0, bent))
