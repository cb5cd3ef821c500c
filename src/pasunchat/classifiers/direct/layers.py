"""The layers for one photo, forward and back, as loops over vectors of sixteen channels.

A map is a flat array: rows of pixels, channels innermost, one pixel of zeros around (`edge` 1) or
none (0). Convolution, relu and pooling are one step: a tile of two rows of outputs stays in
registers until it is pooled, and what is kept is the pooled value and one byte, the winner: which
of the four pixels it was (0 to 3), or 4 where none was positive. Back, only winners carry a
gradient, so they are listed and visited one by one.
"""

from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import config, njit
from numpy.typing import NDArray

from pasunchat.classifiers.direct.vectors import (
    LANES,
    convolve,
    filled,
    gather,
    load,
    pool,
    scatter,
    zeros,
)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]

WIDE = config.CPU_NAME is None and get_host_cpu_features().get("avx512f", False)
TILE = 16 if WIDE else 4  # outputs held at once: 2 x 8, or 2 x 2 where registers are few
TAPS = 9 if WIDE else 3  # pixels of a 3 x 3 window held at once: all, or a row
STRETCH = 28  # cells of a row at a time: what they touch stays in the nearest cache
ONE = np.float32(1)
Index = np.uintp  # numba looks at signed ones in innermost loops: might they count from the end?


@njit(forceinline=True)
def _tile(tile: Any, x: Floats, at: int, w: Floats, w_at: int, row: int, ci: int) -> Any:
    """The convolution's sums for one tile; column and input channel lie one after the other."""
    for ky in range(3):
        for t in range(3 * ci):
            w_now = load(w, w_at + (ky * 3 * ci + t) * LANES)
            tile = convolve(tile, x, at + ky * row + t, row, ci, w_now)
    return tile


@njit(forceinline=True)
def convolve_and_pool(
    x: Floats, w: Floats, b: Floats, out: Floats, won: Bytes, size: int, ci: int, co: int, edge: int
) -> None:
    """x [size + 2, size + 2, ci] -> out [size / 2 + 2 edge, .., co], won [size / 2, .., co]."""
    row, half, cols = (size + 2) * ci, size // 2, TILE // 2
    whole = size // cols * cols
    for i in range(half):
        for o in range(0, co, LANES):
            bias, w_at = load(b, o), o * 9 * ci
            out_at, won_at = ((i + edge) * (half + 2 * edge) + edge) * co + o, i * half * co + o
            for j in range(0, whole, cols):
                tile = _tile(filled(zeros(TILE), bias), x, 2 * i * row + j * ci, w, w_at, row, ci)
                pool(tile, out, out_at + j // 2 * co, won, won_at + j // 2 * co, co)
            for j in range(whole, size, 2):  # what a row has left beside whole tiles
                rest = _tile(filled(zeros(4), bias), x, 2 * i * row + j * ci, w, w_at, row, ci)
                pool(rest, out, out_at + j // 2 * co, won, won_at + j // 2 * co, co)


@njit(forceinline=True)
def _list_winners(
    won: Bytes, at: int, dy: Floats, dy_at: int, half: int, co: int,
    places: Places, found: Places, slopes: Floats,
) -> int:  # fmt: skip
    """One channel's winners in a row of cells: where they are and their gradients; how many.

    Written at each cell and counted where there is one: no branch.
    """
    n = 0
    for j in range(half):
        which, to = won[Index(at + j * co)], Index(n)
        found[to] = 2 * j * co + places[which]
        slopes[to] = dy[Index(dy_at + j * co)]
        n += which < 4
    return n


@njit(forceinline=True)
def block_back(
    x: Floats, dx: Floats, w: Floats, dw: Floats, db: Floats, won: Bytes, dy: Floats,
    size: int, co: int, edge: int, want_w: bool, places: Places, found: Places, slopes: Floats,
) -> None:  # fmt: skip
    """Add to dx, and where wanted to dw [co, groups, 3, 3, LANES] and db, what dy says."""
    row, half, parts = (size + 2) * co, size // 2, co // LANES * 9 // TAPS
    places[0], places[1], places[2], places[3], places[4] = 0, co, row, row + co, 0
    for i in range(half):
        for start in range(0, half, STRETCH):
            count = min(STRETCH, half - start)
            for c in range(co):
                won_at = (i * half + start) * co + c
                dy_at = ((i + edge) * (half + 2 * edge) + edge + start) * co + c
                n = _list_winners(won, won_at, dy, dy_at, count, co, places, found, slopes)
                for part in range(parts):
                    group, ky = divmod(part * TAPS // 3, 3)
                    at = (2 * i + ky) * row + 2 * start * co + group * LANES
                    w_at = (c * parts + part) * TAPS * LANES
                    w_now = gather(zeros(TAPS), ONE, w, w_at, LANES, 3 * LANES)
                    if want_w:
                        total, bias = zeros(TAPS), np.float32(0)
                        for m in range(n):
                            total = gather(total, slopes[m], x, at + found[m], co, row)
                            scatter(w_now, slopes[m], dx, at + found[m], co, row)
                            bias += slopes[m]
                        scatter(total, ONE, dw, w_at, LANES, 3 * LANES)
                        if part == 0:
                            db[c] += bias
                    else:
                        for m in range(n):
                            scatter(w_now, slopes[m], dx, at + found[m], co, row)


@njit(forceinline=True)
def first_back(
    x: Floats, dw: Floats, db: Floats, won: Bytes, dy: Floats, size: int, co: int, places: Places
) -> None:
    """Add to dw [co, 3, LANES] and db. Three pixels x three colours are nine floats of a vector.

    Two sums at a time, since each has to wait for itself; and no list, since most cells have a
    winner.
    """
    row, half = (size + 2) * 3, size // 2
    places[0], places[1], places[2], places[3], places[4] = 0, 3, row, row + 3, 0
    for i in range(half):
        for c in range(co):
            even, odd, bias = zeros(3), zeros(3), np.float32(0)
            won_at, dy_at = i * half * co + c, ((i + 1) * (half + 2) + 1) * co + c
            for j in range(0, half, 2):
                a, b = won[Index(won_at + j * co)], won[Index(won_at + (j + 1) * co)]
                s, t = dy[Index(dy_at + j * co)], dy[Index(dy_at + (j + 1) * co)]
                s, t = s if a < 4 else np.float32(0), t if b < 4 else np.float32(0)
                at = 2 * i * row + 6 * j
                even = gather(even, s, x, at + places[a], row, 0)
                odd = gather(odd, t, x, at + 6 + places[b], row, 0)
                bias += s + t
            scatter(even, ONE, dw, c * 3 * LANES, LANES, 0)
            scatter(odd, ONE, dw, c * 3 * LANES, LANES, 0)
            db[c] += bias


@njit(forceinline=True)
def photo_back(dx: Floats, table: Floats, won: Bytes, dy: Floats, size: int, co: int) -> None:
    """Add the photo's gradient to dx [size + 2, size + 2, 3].

    A cell reaches 4 x 4 pixels x 3 colours: four rows of twelve floats, each in one vector.
    """
    row, half = (size + 2) * 3, size // 2
    for i in range(half):
        for j in range(half):
            total, cell, dy_at = zeros(4), (i * half + j) * co, ((i + 1) * (half + 2) + j + 1) * co
            for c in range(co):
                place = (c * 5 + np.intp(won[Index(cell + c)])) * 4 * LANES
                total = gather(total, dy[Index(dy_at + c)], table, place, LANES, 3 * LANES)
            scatter(total, ONE, dx, 2 * i * row + 6 * j, row, 3 * row)


@njit(forceinline=True, fastmath=True)  # sums in an order of the compiler's, the same each time
def dense(x: Floats, w: Floats, b: Floats, out: Floats) -> None:
    """out = w x + b, for two classes."""
    first, second, count = b[0], b[1], x.size
    for k in range(count):
        first += x[k] * w[k]
        second += x[k] * w[count + k]
    out[0], out[1] = first, second
