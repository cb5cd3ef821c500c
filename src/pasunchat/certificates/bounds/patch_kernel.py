"""Patches of weights carried down to the pixels, compiled by numba: the inside of patches.py.

Of a window's values a lower line weighs one and an upper line often one too, so most weights are 0
and are passed over; the others go through a convolution as rows of its kernel, channels last.
"""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Maps = NDArray[np.float64]


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """`function` compiled, and kept on disk where there is a folder to write to."""
    try:
        return njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return njit(nogil=True)(function)  # type: ignore[no-any-return]


@_compiled
def lowest(
    items: NDArray[np.int64],
    least: Maps,
    bank: Maps,
    bias: Maps,
    top: NDArray[np.int64],
    lower: tuple[Maps, ...],
    upper: tuple[Maps, ...],
    above: tuple[Maps, ...],
    line_size: tuple[Maps, ...],
    made_size: tuple[Maps, ...],
    weights: tuple[Maps, ...],
    biases: tuple[Maps, ...],
    geometry: NDArray[np.int64],
    shares: Maps,
    middle: Maps,
    half: Maps,
    size: Maps,
) -> None:
    """The least of the top convolution's kernel at each item, into `least`, [M].

    items: [M, 5]: two places in a window, channel, row and column. bank: [K, K, O, k, k, C],
    kernels of whole windows; bias: [O]. top: stride and padding of windows. Then, for each maximum
    below: its lines [H, W, C, K] and [H, W, C]; sizes and weights [O, k, k, C] and biases of the
    convolution that makes what it takes; rows and columns of its window, stride and padding of
    that convolution. middle, half, size: of the box at the bottom, [H, W, C].
    """
    for m in range(len(items)):
        a, b, channel = items[m, 0], items[m, 1], items[m, 2]
        patch = bank[a, b, channel].copy()
        y0 = items[m, 3] * top[0] - top[2]
        x0 = items[m, 4] * top[1] - top[3]
        total = bias[channel] if a == b else 0.0
        for level in range(len(weights)):
            low, high = lower[level], upper[level]
            kernel = weights[level]
            rows, columns = geometry[level, 0], geometry[level, 1]
            down, right = geometry[level, 2], geometry[level, 3]
            tall, wide = kernel.shape[1], kernel.shape[2]
            below = np.zeros(
                (
                    (patch.shape[0] * rows - 1) * down + tall,
                    (patch.shape[1] * columns - 1) * right + wide,
                    kernel.shape[3],
                )
            )
            for y in range(patch.shape[0]):
                for x in range(patch.shape[1]):
                    at_y, at_x = y0 + y, x0 + x
                    if at_y < 0 or at_x < 0 or at_y >= low.shape[0] or at_x >= low.shape[1]:
                        continue
                    for c in range(patch.shape[2]):
                        weight = patch[y, x, c]
                        if weight == 0.0:
                            continue
                        slopes = low[at_y, at_x, c] if weight > 0 else high[at_y, at_x, c]
                        if weight < 0:
                            total += weight * above[level][at_y, at_x, c]
                        total -= shares[level, 1] * abs(weight) * line_size[level][at_y, at_x, c]
                        for k in range(len(slopes)):
                            carried = weight * slopes[k]
                            if carried == 0.0:
                                continue
                            row, column = k // columns, k % columns
                            total += carried * biases[level][c]
                            total -= (
                                shares[level, 0]
                                * abs(carried)
                                * made_size[level][at_y * rows + row, at_x * columns + column, c]
                            )
                            to_y, to_x = (y * rows + row) * down, (x * columns + column) * right
                            for i in range(tall):
                                for j in range(wide):
                                    for d in range(kernel.shape[3]):
                                        below[to_y + i, to_x + j, d] += carried * kernel[c, i, j, d]
            patch = below
            y0 = y0 * rows * down - geometry[level, 4]
            x0 = x0 * columns * right - geometry[level, 5]
        for y in range(max(0, -y0), min(patch.shape[0], middle.shape[0] - y0)):
            for x in range(max(0, -x0), min(patch.shape[1], middle.shape[1] - x0)):
                for c in range(patch.shape[2]):
                    weight = patch[y, x, c]
                    total += weight * middle[y0 + y, x0 + x, c]
                    total -= abs(weight) * half[y0 + y, x0 + x, c]
                    total -= shares[0, 1] * abs(weight) * size[y0 + y, x0 + x, c]
        least[m] = total
