"""The layers for one image, as loops over vectors of sixteen channels (back: layers_back.py).

A map is a flat array: rows of pixels, channels innermost, with a border of one pixel of zeros
(`edge` 1) or without (0). Convolution, relu and pooling are one step: a tile of two rows of outputs
stays in registers until it is pooled. Of each cell (2 x 2 outputs) and channel two things are kept:
the pooled value, and one byte, the winner: which of the four outputs it was (0 to 3), or 4 where
none was positive.
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
TILE = 16 if WIDE else 4  # outputs in registers at once: 2 x 8, or 2 x 2 where there are few
STRETCH = 28  # cells of a row at a time: what they read and write stays in the first cache
Index = np.uintp  # of a signed index numba checks each time whether it counts from the end


def combined(w: Floats) -> Floats:
    """Weights [co, ci, 3, 3] -> [co, ci, 4, 3]: the rows that `convolve_and_pool` multiplies by."""
    w0, w1, w2 = (w[:, :, row] for row in range(3))
    return np.stack([(w0 + w1 + w2) / 2, (w0 - w1 + w2) / 2, w0, w2], 2)


@njit(forceinline=True)
def normalise(
    pixels: Floats, scale: Floats, shift: Floats, x: Floats, first: int, last: int, size: int
) -> None:
    """Write rows first..last-1 of pixels [size, 3 size] * scale + shift, each [3 size], into x."""
    for y in range(first, last):
        at = ((y + 1) * (size + 2) + 1) * 3
        for k in range(3 * size):
            x[Index(at + k)] = shift[Index(k)] + pixels[Index(y), Index(k)] * scale[Index(k)]


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
    """Add to a tile the products of two rows of v with weights w, over columns and inputs."""
    for t in range(3 * ci):
        upper, lower = load(w, w_at + t * LANES), load(w, w_at + (3 * ci + t) * LANES)
        tile = convolve(tile, v, at + t, width, ci, upper, lower)
    return tile


@njit(forceinline=True)
def _tile(
    tile: Any, v: Floats, at: int, width: int, w: Floats, w_at: int, bias: Any, ci: int
) -> Any:
    """The convolution's outputs, with bias, for one tile of two rows."""
    tile = cross(_add(tile, v, at, width, w, w_at, ci), bias)
    return _add(tile, v, at + 2 * width, width, w, w_at + 6 * ci * LANES, ci)


@njit(forceinline=True)
def convolve_and_pool(
    x: Floats, w: Floats, b: Floats, out: Floats, won: Bytes, v: Floats,
    i: int, size: int, ci: int, co: int, edge: int,
) -> None:  # fmt: skip
    """Convolution, relu and pooling of x [size + 2, size + 2, ci]: write row i of the pooled map
    out [size / 2 + 2 edge, .., co] and of the winners won [size / 2, .., co].

    Two rows of outputs take four products of rows where a convolution takes six: with rows of
    pixels r and of weights w, m = (r1 + r2)(w0 + w1 + w2) / 2 and n = (r2 - r1)(w0 - w1 + w2) / 2,
    they are m + n + (r0 - r2) w0 and m - n + (r3 - r1) w2 (Winograd's F(2, 3); Lavin and Gray
    2016). Where rows are alike, so are both outputs, to the bit: ties stay ties. v is scratch.
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
            for j in range(whole, count, 2):  # the rest of the row, narrower than a tile
                rest = _tile(zeros(4), v, j * ci, width, w, w_at, bias, ci)
                pool(rest, out, out_at + j // 2 * co, won, won_at + j // 2 * co, co)


@njit(forceinline=True, fastmath=True)  # the compiler orders the sums, always alike
def dense(x: Floats, w: Floats, b: Floats, out: Floats) -> None:
    """out = w x + b, for two classes."""
    first, second, count = b[0], b[1], x.size
    for k in range(count):
        first += x[k] * w[k]
        second += x[k] * w[count + k]
    out[0], out[1] = first, second
