"""The layers for one image, backward: gradients of maps, weights and pixels, from the gradient of
the last map.

Only winners carry a gradient, so they are listed and visited one by one.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pasunchat.classifiers.fast.layers import STRETCH, WIDE, Bytes, Floats, Index
from pasunchat.classifiers.fast.vectors import LANES, gather, load, scatter, store, zeros

Places = NDArray[np.intp]

TAPS = 9 if WIDE else 3  # weights of a 3 x 3 window in registers at once: all, or a row
DEEP = 2  # rows of cells that the first layer takes at a time; their number (size / 2) is even
ONE = np.float32(1)


@njit(forceinline=True)
def _list_winners(
    won: Bytes, at: int, dy: Floats, dy_at: int, half: int, co: int,
    places: Places, found: Places, slopes: Floats,
) -> int:  # fmt: skip
    """List one channel's winners in a row of cells; returns how many there are.

    found: their offsets in the map. slopes: their gradients. Each cell writes to the next free
    place and moves on only if it has a winner, so there is no branch.
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
    """Backward through convolution, relu and pooling: from dy, the gradient of the pooled map, add
    to dx, the gradient of x, and if want_w to dw [co, groups, 3, 3, LANES] and db [co].

    places, found, slopes are scratch.
    """
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
def _windows(x: Floats, at: int, row: int, count: int, v: Floats, line: int) -> None:
    """Copy each pixel of some rows, with the two to its right, to a cache line of v: sixteen
    floats, of which nine count. v: [2 DEEP + 2, line]."""
    for r in range(2 * DEEP + 2):
        for k in range(count):
            store(load(x, at + r * row + 3 * k), v, r * line + k * LANES)


@njit(forceinline=True)
def first_back(
    x: Floats, dw: Floats, db: Floats, won: Bytes, dy: Floats, v: Floats,
    size: int, co: int, places: Places,
) -> None:  # fmt: skip
    """Backward through the first block for its weights: add to dw [co, 3, LANES] and db [co].

    A row of the window, three pixels of three colours, is nine floats of a vector. Even and odd
    cells have a sum each, so that an addition need not wait for the one before it. Winners are not
    listed here, since most cells of the first map have one.
    """
    row, half, line = (size + 2) * 3, size // 2, 2 * STRETCH * LANES
    places[0], places[1], places[2], places[3], places[4] = 0, LANES, line, line + LANES, 0
    for i in range(0, half, DEEP):
        for start in range(0, half, STRETCH):
            count = min(STRETCH, half - start)
            _windows(x, 2 * i * row + 6 * start, row, 2 * count, v, line)
            for c in range(co):
                even, odd, bias = zeros(3), zeros(3), np.float32(0)
                for deep in range(DEEP):
                    won_at = ((i + deep) * half + start) * co + c
                    dy_at = ((i + deep + 1) * (half + 2) + 1 + start) * co + c
                    for j in range(0, count, 2):
                        a, b = won[Index(won_at + j * co)], won[Index(won_at + (j + 1) * co)]
                        s, t = dy[Index(dy_at + j * co)], dy[Index(dy_at + (j + 1) * co)]
                        s, t = s if a < 4 else np.float32(0), t if b < 4 else np.float32(0)
                        at = 2 * deep * line + 2 * j * LANES
                        even = gather(even, s, v, at + places[a], line, 0)
                        odd = gather(odd, t, v, at + 2 * LANES + places[b], line, 0)
                        bias += s + t
                scatter(even, ONE, dw, c * 3 * LANES, LANES, 0)
                scatter(odd, ONE, dw, c * 3 * LANES, LANES, 0)
                db[c] += bias


@njit(forceinline=True)
def pixels_back(dx: Floats, table: Floats, won: Bytes, dy: Floats, size: int, co: int) -> None:
    """Backward through the first block for its pixels: add to dx [size + 2, size + 2, 3].

    table: `KernelWeights.w1_back`. A cell reaches 4 x 4 pixels of 3 colours: four rows of twelve
    floats, each of them one vector.
    """
    row, half = (size + 2) * 3, size // 2
    for i in range(half):
        for j in range(half):
            total, cell, dy_at = zeros(4), (i * half + j) * co, ((i + 1) * (half + 2) + j + 1) * co
            for c in range(co):
                place = (c * 5 + np.intp(won[Index(cell + c)])) * 4 * LANES
                total = gather(total, dy[Index(dy_at + c)], table, place, LANES, 3 * LANES)
            scatter(total, ONE, dx, 2 * i * row + 6 * j, row, 3 * row)
