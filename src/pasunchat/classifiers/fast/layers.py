"""The layers for one photo, as loops over vectors of sixteen channels (back: layers_back.py).

A map is a flat array: rows of pixels, channels innermost, one pixel of zeros around (`edge` 1) or
none (0). Convolution, relu and pooling are one step: a tile of two rows of outputs stays in
registers until it is pooled, and what is kept is the pooled value and one byte, the winner: which
of the four pixels it was (0 to 3), or 4 where none was positive.
"""

from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import config, njit
from numpy.typing import NDArray

from pasunchat.classifiers.fast.vectors import LANES, convolve, cross, load, pool, zeros

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

WIDE = config.CPU_NAME is None and get_host_cpu_features().get("avx512f", False)
TILE = 16 if WIDE else 4  # outputs held at once: 2 x 8, or 2 x 2 where registers are few
STRETCH = 28  # cells of a row at a time: what they touch stays in the nearest cache
Index = np.uintp  # numba looks at signed ones in innermost loops: might they count from the end?


def combined(w: Floats) -> Floats:
    """Weights [co, ci, 3, 3] as `convolve_and_pool` takes them, [co, ci, 4, 3]: see there."""
    w0, w1, w2 = (w[:, :, row] for row in range(3))
    return np.stack([(w0 + w1 + w2) / 2, (w0 - w1 + w2) / 2, w0, w2], 2)


@njit(forceinline=True)
def see(
    photo: Floats, scale: Floats, shift: Floats, x: Floats, first: int, last: int, size: int
) -> None:
    """Rows first..last-1 of a photo [size, 3 size], times scale plus shift [3 size], into x."""
    for y in range(first, last):
        at = ((y + 1) * (size + 2) + 1) * 3
        for k in range(3 * size):
            x[Index(at + k)] = shift[Index(k)] + photo[Index(y), Index(k)] * scale[Index(k)]


@njit(forceinline=True)
def _combine(x: Floats, at: int, row: int, count: int, v: Floats, width: int) -> None:
    """Four rows of x -> r1 + r2, r2 - r1, r0 - r2, r3 - r1 in v [4, width]."""
    for k in range(count):
        r0, r1 = x[Index(at + k)], x[Index(at + row + k)]
        r2, r3 = x[Index(at + 2 * row + k)], x[Index(at + 3 * row + k)]
        v[Index(k)], v[Index(width + k)] = r1 + r2, r2 - r1
        v[Index(2 * width + k)], v[Index(3 * width + k)] = r0 - r2, r3 - r1


@njit(forceinline=True)
def _add(tile: Any, v: Floats, at: int, width: int, w: Floats, w_at: int, ci: int) -> Any:
    """Two rows of v by their weights; column and input channel lie one after the other."""
    for t in range(3 * ci):
        upper, lower = load(w, w_at + t * LANES), load(w, w_at + (3 * ci + t) * LANES)
        tile = convolve(tile, v, at + t, width, ci, upper, lower)
    return tile


@njit(forceinline=True)
def _tile(
    tile: Any, v: Floats, at: int, width: int, w: Floats, w_at: int, bias: Any, ci: int
) -> Any:
    """The convolution's sums for one tile of two rows."""
    tile = cross(_add(tile, v, at, width, w, w_at, ci), bias)
    return _add(tile, v, at + 2 * width, width, w, w_at + 6 * ci * LANES, ci)


@njit(forceinline=True)
def convolve_and_pool(
    x: Floats, w: Floats, b: Floats, out: Floats, won: Bytes, v: Floats,
    i: int, size: int, ci: int, co: int, edge: int,
) -> None:  # fmt: skip
    """x [size + 2, size + 2, ci] -> row i of out [size / 2 + 2 edge, .., co] and of won
    [size / 2, .., co].

    Two rows of outputs take four products of rows where a convolution takes six: with rows of
    pixels r and of weights w, m = (r1 + r2)(w0 + w1 + w2) / 2 and n = (r2 - r1)(w0 - w1 + w2) / 2,
    they are m + n + (r0 - r2) w0 and m - n + (r3 - r1) w2 (Winograd's F(2, 3); Lavin and Gray
    2016). Where rows are alike, so are both outputs, to the bit: ties stay ties.
    """
    row, half, cols, width = (size + 2) * ci, size // 2, TILE // 2, (2 * STRETCH + 2) * ci
    for start in range(0, half, STRETCH):
        count = 2 * min(STRETCH, half - start)
        whole = count // cols * cols
        _combine(x, 2 * i * row + 2 * start * ci, row, (count + 2) * ci, v, width)
        for o in range(0, co, LANES):
            bias, w_at = load(b, o), o * 12 * ci
            out_at = ((i + edge) * (half + 2 * edge) + edge + start) * co + o
            won_at = (i * half + start) * co + o
            for j in range(0, whole, cols):
                tile = _tile(zeros(TILE), v, j * ci, width, w, w_at, bias, ci)
                pool(tile, out, out_at + j // 2 * co, won, won_at + j // 2 * co, co)
            for j in range(whole, count, 2):  # what a row has left beside whole tiles
                rest = _tile(zeros(4), v, j * ci, width, w, w_at, bias, ci)
                pool(rest, out, out_at + j // 2 * co, won, won_at + j // 2 * co, co)


@njit(forceinline=True, fastmath=True)  # sums in an order of the compiler's, the same each time
def dense(x: Floats, w: Floats, b: Floats, out: Floats) -> None:
    """out = w x + b, for two classes."""
    first, second, count = b[0], b[1], x.size
    for k in range(count):
        first += x[k] * w[k]
        second += x[k] * w[count + k]
    out[0], out[1] = first, second
