"""What Python calls: photos through the network and back, compiled by numba when first called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

from pasunchat.classifiers.fast.layers import Bytes, Floats, convolve_and_pool, dense, see
from pasunchat.classifiers.fast.layers_back import block_back, first_back, photo_back
from pasunchat.classifiers.fast.vectors import LANES
from pasunchat.storage import sha256

Compiled = Callable[..., None]


def compiled(function: Compiled) -> Compiled:
    """`function` by numba, kept on disk where there is a folder to write to."""
    try:
        return njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba found no such folder
        return njit(nogil=True)(function)  # type: ignore[no-any-return]


def _passes(sources: str) -> tuple[Compiled, Compiled]:
    """run and weighted_sum.

    numba finds what it kept by the function's own file and by what the function closes over: so
    they close over the digest of all files here, and none of them is ever used when outdated.
    """

    @compiled
    def run(
        photos: Floats,
        first: int,
        last: int,
        groups: tuple[int, ...],
        weights: tuple[Floats, ...],
        room: tuple[Any, ...],
        winners: tuple[Bytes, Bytes, Bytes],
        slopes: Floats,
        logits: Floats,
        of_weights: Floats,
        of_photos: Floats,
    ) -> None:
        """Photos first..last-1 [size, 3 size] -> their logits and gradients, each photo's apart.

        groups: a tuple as long as channels / 16, so that the compiler knows the number. slopes
        [N, 2]: the gradient of what is wanted with respect to the logits. of_weights, of_photos:
        [N, ..], or [0, ..] where that is not wanted.
        """
        _ = sources
        co, size = len(groups) * LANES, photos.shape[1]
        scale, shift, w1, b1, w2, b2, w3, b3, wd, bd, w2_back, w3_back, table = weights
        x0, p1, p2, p3, d1, d2, d3, places, found, list_, v, nothing = room
        maps, map_slopes, blocks = (p1, p2, p3), (d1, d2, d3), (w2, w3)
        biases, blocks_back = (b2, b3), (w2_back, w3_back)
        want_weights, want_photos = len(of_weights) > 0, len(of_photos) > 0
        flat, in_first, in_block = p3.size, co * 3 * LANES, co * 9 * co
        for n in range(first, last):
            for i in range(size // 2):  # a row of cells as soon as its pixels are there
                see(photos[n], scale, shift, x0, 2 * i + min(i, 1), min(2 * i + 3, size), size)
                convolve_and_pool(x0, w1, b1, p1, winners[0], v, i, size, 3, co, 1)
            for k in range(2):  # a loop, so that it is compiled once
                side = size >> (k + 1)
                for i in range(side // 2):
                    convolve_and_pool(
                        maps[k], blocks[k], biases[k], maps[k + 1], winners[k + 1], v,
                        i, side, co, co, 1 - k,
                    )  # fmt: skip
            dense(p3, wd, bd, logits[n])
            if not (want_weights or want_photos):
                continue
            for k in range(flat):
                d3[k] = slopes[n, 0] * wd[k] + slopes[n, 1] * wd[flat + k]
            d2[:] = 0
            d1[:] = 0
            g = of_weights[n] if want_weights else nothing
            g[:] = 0
            g1, gb1, g = g[:in_first], g[in_first : in_first + co], g[in_first + co :]
            g2, gb2, g = g[:in_block], g[in_block : in_block + co], g[in_block + co :]
            g3, gb3, g = g[:in_block], g[in_block : in_block + co], g[in_block + co :]
            of_blocks, of_biases = (g2, g3), (gb2, gb3)
            for k in range(1, -1, -1):
                block_back(
                    maps[k], map_slopes[k], blocks_back[k], of_blocks[k], of_biases[k],
                    winners[k + 1], map_slopes[k + 1], size >> (k + 1), co, 1 - k,
                    want_weights, places, found, list_,
                )  # fmt: skip
            if want_weights:
                first_back(x0, g1, gb1, winners[0], d1, v, size, co, places)
                g[:] = p3
            if want_photos:
                of_photos[n] = 0
                photo_back(of_photos[n], table, winners[0], d1, size, co)

    @compiled
    def weighted_sum(rows: Floats, at: int, scales: Floats, out: Floats) -> None:
        """Add scales[n] * rows[n, at..] to out, n after n."""
        _ = sources
        for n in range(len(rows)):
            row, scale = rows[n, at : at + out.size], scales[n]
            for k in range(out.size):
                out[k] += scale * row[k]

    return run, weighted_sum


run, weighted_sum = _passes(
    sha256(*(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
)
