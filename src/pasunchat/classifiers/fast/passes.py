"""The two functions that Python calls, compiled by numba when first called: `run` takes images
through the network and back, `weighted_sum` adds up their gradients."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

from pasunchat.classifiers.fast.layers import Bytes, Floats, convolve_and_pool, dense, normalise
from pasunchat.classifiers.fast.layers_back import block_back, first_back, pixels_back
from pasunchat.classifiers.fast.vectors import LANES
from pasunchat.storage import sha256

Compiled = Callable[..., None]


def compiled(function: Compiled) -> Compiled:
    """`function` compiled by numba, and cached on disk if there is a folder to write to."""
    try:
        return njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba found no folder for its cache
        return njit(nogil=True)(function)  # type: ignore[no-any-return]


def _passes(sources: str) -> tuple[Compiled, Compiled]:
    """run and weighted_sum.

    numba looks a cached function up by its own file and by what it closes over, not by the files
    of the functions it calls. So both close over `sources`, the digest of all files in this folder:
    a change in any of them makes numba compile again.
    """

    @compiled
    def run(
        pixels: Floats,
        first: int,
        last: int,
        groups: tuple[int, ...],
        weights: tuple[Floats, ...],
        workspace: tuple[Any, ...],
        winners: tuple[Bytes, Bytes, Bytes],
        slopes: Floats,
        logits: Floats,
        of_weights: Floats,
        of_pixels: Floats,
    ) -> None:
        """Images first..last-1: pixels [N, size, 3 size] -> their rows of logits and gradients.

        groups: a tuple as long as channels / LANES, so that the compiler knows the number.
        weights, workspace, winners: the fields of KernelWeights, Workspace and Winners.
        slopes: [N, 2], the gradient with respect to the logits. logits, of_weights, of_pixels: the
        fields of BatchResult, which are written; a gradient without rows is not computed.
        """
        _ = sources
        co, size = len(groups) * LANES, pixels.shape[1]
        scale, shift, w1, b1, w2, b2, w3, b3, wd, bd, w2_back, w3_back, w1_back = weights
        x0, x1, x2, x3, d1, d2, d3, offsets, found, found_slopes, v, nothing = workspace
        maps, gradients, blocks = (x1, x2, x3), (d1, d2, d3), (w2, w3)
        biases, blocks_back = (b2, b3), (w2_back, w3_back)
        want_weights, want_pixels = len(of_weights) > 0, len(of_pixels) > 0
        flat, in_first, in_block = x3.size, co * 3 * LANES, co * 9 * co
        for n in range(first, last):
            for i in range(size // 2):  # a row of cells as soon as its pixels are there
                upto = min(2 * i + 3, size)
                normalise(pixels[n], scale, shift, x0, 2 * i + min(i, 1), upto, size)
                convolve_and_pool(x0, w1, b1, x1, winners[0], v, i, size, 3, co, 1)
            for k in range(2):  # a loop, so that it is compiled once
                side = size >> (k + 1)
                for i in range(side // 2):
                    convolve_and_pool(
                        maps[k], blocks[k], biases[k], maps[k + 1], winners[k + 1], v,
                        i, side, co, co, 1 - k,
                    )  # fmt: skip
            dense(x3, wd, bd, logits[n])
            if not (want_weights or want_pixels):
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
                    maps[k], gradients[k], blocks_back[k], of_blocks[k], of_biases[k],
                    winners[k + 1], gradients[k + 1], size >> (k + 1), co, 1 - k,
                    want_weights, offsets, found, found_slopes,
                )  # fmt: skip
            if want_weights:
                first_back(x0, g1, gb1, winners[0], d1, v, size, co, offsets)
                g[:] = x3
            if want_pixels:
                of_pixels[n] = 0
                pixels_back(of_pixels[n], w1_back, winners[0], d1, size, co)

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
