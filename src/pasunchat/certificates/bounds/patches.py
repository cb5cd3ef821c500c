"""Linear bounds of many values of a convolution at once, each by the patch of the picture it sees.

A value of the second or third convolution of `simple` depends on a small square of each layer
below. Carried back to the pixels, its weights are a patch of that size (patch_kernel.py, by numba,
the extra `fast`). Only what may decide a maximum is bounded so: the values of which an interval
leaves open whether they are the largest of their window, and their distance from the likeliest.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.certificates.bounds.backward import Bounds, by_values
from pasunchat.certificates.bounds.intervals import WIDER, Box, gamma
from pasunchat.certificates.bounds.maxima import Differences, contest, pairs, window_kernels
from pasunchat.certificates.bounds.trace import (
    Convolution,
    Maximum,
    Scale,
    Sum,
    Value,
    Window,
)
from pasunchat.extras import extra

ALONE = Window((1, 1), (1, 1), (0, 0))
Lowest = Callable[[Tensor, float], Tensor]  # items and a sign -> as of `_lowest`
LONGEST = 1 << 20  # additions on the way to one bound, at most


@dataclass(frozen=True)
class Level:
    """A maximum of what a convolution makes."""

    value: Value  # of the maximum
    step: Maximum
    below: Convolution

    @property
    def window(self) -> Window:
        """Its window; of a relu alone, one value."""
        return self.step.window or ALONE


def levels(known: Bounds, value: Value) -> list[Level]:
    """The maximum at `value` and those below it, from the top down, as long as each is one of a
    convolution and its windows lie side by side."""
    found: list[Level] = []
    while value:
        step = known.network.steps[value - 1]
        made = step.inputs[0]
        below = known.network.steps[made - 1] if made else None
        if not isinstance(step, Maximum) or not isinstance(below, Convolution):
            break
        level = Level(value, step, below)
        plain = level.window.stride == level.window.kernel and level.window.padding == (0, 0)
        if not plain or below.groups > 1 or below.dilation != (1, 1):
            break
        found.append(level)
        value = below.inputs[0]
    return found


def by_patches(
    known: Bounds, value: Value, box: Box, gaps: Differences | None
) -> tuple[Box, Differences | None]:
    """The box of what a maximum takes, and the differences in its windows, narrowed by linear
    bounds down to the input of the lowest convolution. Where that is not the picture, or the layers
    below are no such chain, by `by_values`; for the lowest maximum they stay: intervals are exact.

    Raises PasunchatError where numba is not installed.
    """
    chain = levels(known, value)
    if not chain or not _is_picture(known, chain[-1].below.inputs[0]):
        return by_values(known, value, box, gaps)
    if len(chain) < 2:
        return box, gaps
    lowest = partial(_lowest, known, chain, _maps(known, chain[1:]))
    box = _narrower(lowest, chain[0], box, gaps)
    return box, gaps and _closer(lowest, chain[0], box, gaps)


def _is_picture(known: Bounds, value: Value) -> bool:
    """Whether a value is the picture, scaled and moved at most: then its box is exact."""
    while value:
        step = known.network.steps[value - 1]
        moved = isinstance(step, Sum) and step.terms == 1 and len(step.inputs) == 1
        if not moved and not isinstance(step, Scale):
            return False
        value = step.inputs[0]
    return True


def _narrower(lowest: Lowest, top: Level, box: Box, gaps: Differences | None) -> Box:
    """The box with the best value of each open window bounded from below, and all that may win
    from above."""
    step, rows, columns = top.step, *top.window.kernel
    open_ = contest(step, box, gaps)
    own = torch.arange(open_.low.shape[-1]) == open_.best
    narrow = Box(box.low.clone(), box.high.clone())
    for among, sign in (((own & open_.may_win), 1.0), (open_.may_win, -1.0)):
        channel, row, column, at = among[0].nonzero().T
        items = torch.stack([at, at, channel, row, column], 1)
        least = sign * lowest(items, sign)
        index = 0, channel, row * rows + at // columns, column * columns + at % columns
        if sign > 0:
            narrow.low[index] = torch.maximum(narrow.low[index], least)
        else:
            narrow.high[index] = torch.minimum(narrow.high[index], least)
    return narrow


def _closer(lowest: Lowest, top: Level, box: Box, gaps: Differences) -> Differences:
    """The differences between values that may win and the best, bounded both ways."""
    open_ = contest(top.step, box, gaps)
    values = open_.low.shape[-1]
    rivals = open_.may_win & (torch.arange(values) != open_.best)
    channel, row, column, at = rivals[0].nonzero().T
    best = open_.best[0, channel, row, column, 0]
    items = torch.stack([at, best, channel, row, column], 1)
    low, high = (sign * lowest(items, sign) for sign in (1.0, -1.0))
    low = torch.maximum(low, open_.gap.low[0, channel, row, column, at])
    high = torch.minimum(high, open_.gap.high[0, channel, row, column, at])
    middle = (low + high) / 2
    reach = torch.maximum(high - middle, middle - low) * WIDER
    pair = pairs(values)[at, best]
    index = 0, channel, row, column, pair
    closer = Differences(gaps.middle.clone(), gaps.reach.clone())
    closer.middle[index] = torch.where(at < best, middle, -middle)
    closer.reach[index] = reach
    return closer


def _lowest(
    known: Bounds, chain: list[Level], maps: tuple[object, ...], items: Tensor, sign: float
) -> Tensor:
    """The least, at least, of sign * x_a, or of sign * (x_a - x_b) where b is not a, float64 [M].

    maps: of the levels below the top one, as of `_maps`. items: int64 [M, 5]: a and b, places in a
    window; channel, row and column of the window.
    """
    kernel = extra("pasunchat.certificates.bounds.patch_kernel", "fast")
    top, window = chain[0].below, chain[0].window
    alone = window_kernels(top, window)
    bank = alone[:, None] - alone[None]
    bank[range(len(alone)), range(len(alone))] = alone
    least = np.empty(len(items))
    stride = [one * two for one, two in zip(top.stride, window.stride, strict=True)]
    arguments = (
        np.ascontiguousarray(sign * bank.permute(0, 1, 2, 4, 5, 3).numpy()),
        sign * top.bias.numpy(),
        np.array([*stride, *top.padding]),
        *maps,
    )
    listed, threads = items.numpy(), torch.get_num_threads()
    parts = list(pairwise(np.linspace(0, len(items), threads + 1).astype(int)))
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(kernel.lowest, listed[a:b], least[a:b], *arguments) for a, b in parts]
        for job in jobs:
            job.result()
    return torch.from_numpy(least) - _error(known, chain[0], items)


def _error(known: Bounds, top: Level, items: Tensor) -> Tensor:
    """How far the values asked for may be from the exact ones, both of a difference, [M]."""
    rows, columns = top.window.kernel
    size = known.sizes[top.step.inputs[0]][0]
    one, other, channel, row, column = items.T
    first, second = (
        size[channel, row * rows + at // columns, column * columns + at % columns]
        for at in (one, other)
    )
    share = known.arithmetic.error(top.below.terms) + gamma(LONGEST)
    return share * torch.where(one == other, first, first + second)


def _maps(known: Bounds, below: list[Level]) -> tuple[object, ...]:
    """What the kernel reads of each level, channels last: slopes, constants and sizes of its lines,
    and its convolution; then the box at the bottom."""
    drawn = [known.lines[level.value] for level in below]
    convolutions = [level.below for level in below]
    box = known.boxes[convolutions[-1].inputs[0]]
    geometry = [
        (*level.window.kernel, *level.below.stride, *level.below.padding) for level in below
    ]
    shares = [
        (gamma(LONGEST) + known.arithmetic.error(each.terms), gamma(LONGEST))
        for each in convolutions
    ]
    return (
        tuple(_last(each.lower) for each in drawn),
        tuple(_last(each.upper) for each in drawn),
        tuple(_last(each.above) for each in drawn),
        tuple(_last(each.size) for each in drawn),
        tuple(_last(known.sizes[level.step.inputs[0]]) for level in below),
        tuple(np.ascontiguousarray(c.weight.permute(0, 2, 3, 1).numpy()) for c in convolutions),
        tuple(c.bias.numpy().copy() for c in convolutions),
        np.array(geometry),
        np.array(shares),
        _last(box.middle),
        _last(box.half),
        _last(box.size),
    )


def _last(values: Tensor) -> NDArray[np.float64]:
    """Maps [1, C, H, W, ...] as [H, W, C, ...]."""
    return np.ascontiguousarray(values[0].movedim(0, 2).numpy())
