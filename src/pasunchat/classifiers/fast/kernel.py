"""The compiled passes (passes.py) run on a batch: memory, weights in their layout, and threads.

Threads take the images of a batch in turns. Each thread has a workspace, which holds the feature
maps of one image and their gradients and so fits into its processor's cache. It writes an image's
logits and gradients into that image's own row of the result; sums over the batch are taken
afterwards. So an image's numbers depend neither on the images beside it nor on the thread.

Lengths: N images, `size` the side of an image, C channels, LANES = 16 floats of one vector.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pasunchat.classifiers.fast.layers import STRETCH, Bytes, Floats, combined
from pasunchat.classifiers.fast.layers_back import DEEP
from pasunchat.classifiers.fast.passes import run, weighted_sum
from pasunchat.classifiers.fast.vectors import LANES

CACHE_LINE = 64  # bytes
MARGIN = 2 * LANES  # a vector that begins inside a map may end this many floats behind it
CHUNK = 2  # images that a thread takes at a time


class KernelWeights(NamedTuple):
    """The weights as the passes read them, each a flat array that begins on a cache line.

    G = C / LANES counts groups of channels; a last axis of LANES is the channel in its group.
    """

    scale: Floats  # [size * 3]: what a row of pixels is multiplied by
    shift: Floats  # [size * 3]: what is then added
    w1: Floats  # [G of outputs, 4 rows, 3, 3 inputs, LANES]; the rows: see `layers.combined`
    b1: Floats  # [C]
    w2: Floats  # [G of outputs, 4 rows, 3, C inputs, LANES]
    b2: Floats  # [C]
    w3: Floats  # as w2
    b3: Floats  # [C]
    dense: Floats  # [2, size / 8, size / 8, C]; in PyTorch the channel comes before row and column
    dense_bias: Floats  # [2]
    w2_back: Floats  # [C outputs, G of inputs, 3, 3, LANES]
    w3_back: Floats  # as w2_back
    w1_back: Floats  # [C, 5, 4, LANES]: see `_winner_table`; empty if no pixels' gradient is wanted


class Workspace(NamedTuple):
    """What one thread writes into while it works on an image. A border is one pixel of zeros."""

    pixels: Floats  # [size + 2, size + 2, 3] with border: normalised
    map1: Floats  # [size / 2 + 2, size / 2 + 2, C] with border: what the first block gives
    map2: Floats  # [size / 4 + 2, size / 4 + 2, C] with border
    map3: Floats  # [size / 8, size / 8, C]
    gradient1: Floats  # of map1, in its shape
    gradient2: Floats
    gradient3: Floats
    offsets: NDArray[np.intp]  # [5]: by winner, how far its pixel is from the first of a cell
    found: NDArray[np.intp]  # [size]: where one channel's winners are, in a row of cells
    slopes: Floats  # [size]: the gradients of those winners
    rows: Floats  # scratch for `convolve_and_pool` and `first_back`
    nothing: Floats  # [0]: stands for the gradient of the weights where none is wanted


Winners = tuple[Bytes, Bytes, Bytes]  # of the three blocks, [side, side, C]: see layers.py


class BatchResult(NamedTuple):
    """What a batch gives, one row an image. A gradient that was not wanted has no rows."""

    logits: Floats  # [N, 2]
    of_weights: Floats  # [N, ..]: dw1, db1, dw2, db2, dw3, db3 in the passes' layout, then map3
    of_pixels: Floats  # [N, (size + 2) ** 2 * 3 + MARGIN]: of the normalised pixels, with border


class Kernel:
    """Workspaces and threads for images of one size (a multiple of 8) and C channels (of 16)."""

    def __init__(self, size: int, channels: int, threads: int) -> None:
        self.size, self.channels = size, channels
        self.lock, self.threads = threading.Lock(), ThreadPoolExecutor(threads)
        self.workspaces = [_new_workspace(size, channels) for _ in range(threads)]

    def run(
        self,
        pixels: Floats,
        weights: KernelWeights,
        slopes: Floats,
        want_weights: bool,
        want_pixels: bool,
    ) -> BatchResult:
        """Pixels [N, size, size, 3] through the network, and back where a gradient is wanted.

        slopes: [N, 2], the gradient with respect to each image's logits.
        """
        count, channels = len(pixels), self.channels
        convolutions = channels * 3 * LANES + 2 * channels * 9 * channels + 3 * channels
        result = BatchResult(
            np.empty((count, 2), np.float32),
            _empty((count * want_weights, convolutions + (self.size // 8) ** 2 * channels)),
            _empty((count * want_pixels, (self.size + 2) ** 2 * 3 + MARGIN)),
        )
        rows = pixels.reshape(count, self.size, self.size * 3)
        groups = (0,) * (channels // LANES)  # its length tells the compiler the number of groups
        starts = iter(range(0, count, CHUNK))

        def take_turns(workspace: Workspace, winners: Winners) -> None:
            for first in starts:  # shared: each start goes to one thread
                last = min(first + CHUNK, count)
                run(
                    rows, first, last, groups, tuple(weights), tuple(workspace), winners,
                    slopes, *result,
                )  # fmt: skip

        with self.lock:
            mine, *others = self.workspaces[: -(-count // CHUNK)]
            submitted = [self.threads.submit(take_turns, *other) for other in others]
            take_turns(*mine)
            for each in submitted:
                each.result()
        return result


def lay_out(
    weights: Sequence[NDArray[Any]],
    size: int,
    want_pixels: bool,
    scale: Sequence[float] = (1, 1, 1),
    shift: Sequence[float] = (0, 0, 0),
) -> KernelWeights:
    """PyTorch's weights w1, b1, .., w3, b3, dense w, dense b as the passes read them; copies.

    want_pixels: whether gradients of pixels will be wanted. scale, shift: a number a colour.
    """
    w1, b1, w2, b2, w3, b3, dense, dense_bias = weights
    channels, side = len(b1), size // 8

    def forward(w: Floats) -> Floats:
        rows = combined(w).reshape(channels // LANES, LANES, -1, 4, 3)
        return _aligned(rows.transpose(0, 3, 4, 2, 1))

    def back(w: Floats) -> Floats:
        grouped = w.reshape(channels, channels // LANES, LANES, 3, 3)
        return _aligned(grouped.transpose(0, 1, 3, 4, 2))

    return KernelWeights(
        scale=_aligned(np.tile(np.array(scale, np.float32), size)),
        shift=_aligned(np.tile(np.array(shift, np.float32), size)),
        w1=forward(w1),
        b1=_aligned(b1),
        w2=forward(w2),
        b2=_aligned(b2),
        w3=forward(w3),
        b3=_aligned(b3),
        dense=_aligned(dense.reshape(2, channels, side, side).transpose(0, 2, 3, 1)),
        dense_bias=_aligned(dense_bias),
        w2_back=back(w2),
        w3_back=back(w3),
        w1_back=_aligned(_winner_table(w1)) if want_pixels else _empty((0,)),
    )


def weight_gradients(
    result: BatchResult, scales: Floats, slopes: Floats, channels: int
) -> tuple[Floats, ...]:
    """The gradients of the weights, summed over the batch, in PyTorch's order and shapes.

    scales: [N], what each image's gradients of the convolutions are multiplied by.
    slopes: [N, 2], the gradient with respect to the logits, for the dense layer.
    """
    first, block = channels * 3 * LANES, channels * 9 * channels
    ends = np.cumsum([first, channels, block, channels, block, channels])
    sums = np.zeros(ends[-1], np.float32)
    weighted_sum(result.of_weights, 0, scales, sums)
    w1, b1, w2, b2, w3, b3 = np.split(sums, ends[:-1])
    dense = np.zeros((2, result.of_weights.shape[1] - ends[-1]), np.float32)
    for row, slope in zip(dense, slopes.T.copy(), strict=True):
        weighted_sum(result.of_weights, ends[-1], slope, row)

    def as_torch(w: Floats) -> Floats:
        grouped = w.reshape(channels, channels // LANES, 3, 3, LANES)
        return grouped.transpose(0, 1, 4, 2, 3).reshape(channels, channels, 3, 3)

    side = int((dense.shape[1] // channels) ** 0.5)
    w1 = w1.reshape(channels, 3, LANES)[:, :, :9].reshape(channels, 3, 3, 3).transpose(0, 3, 1, 2)
    dense = dense.reshape(2, side, side, channels).transpose(0, 3, 1, 2).reshape(2, -1)
    return w1, b1, as_torch(w2), b2, as_torch(w3), b3, dense, slopes.sum(0)


def pixel_gradients(result: BatchResult, size: int) -> Floats:
    """Each image's gradient of its normalised pixels, [N, size, size, 3], a view."""
    bordered = result.of_pixels[:, :-MARGIN].reshape(-1, size + 2, size + 2, 3)
    return bordered[:, 1:-1, 1:-1]


def _winner_table(w1: Floats) -> Floats:
    """The first layer's weights by the winner of a cell, [C, 5, 4, LANES].

    A cell (2 x 2 outputs, pooled) reaches 4 x 4 pixels of 3 colours: four rows of twelve floats.
    Entry [c, k] has w1 of channel c at the place it has for winner k, zeros around; 4: no winner.
    """
    table = np.zeros((len(w1), 5, 4, LANES), np.float32)
    for winner in range(4):
        y, x = divmod(winner, 2)
        cell = table[:, winner, y : y + 3, 3 * x : 3 * x + 9]
        cell[:] = w1.transpose(0, 2, 3, 1).reshape(-1, 3, 9)
    return table


def _new_workspace(size: int, channels: int) -> tuple[Workspace, Winners]:
    sides = size // 2, size // 4, size // 8
    bordered = [(side + 2) ** 2 * channels + MARGIN for side in sides]
    scratch = max(4 * (2 * STRETCH + 2) * channels, (2 * DEEP + 2) * 2 * STRETCH * LANES)
    workspace = Workspace(
        pixels=_zeros((size + 2) ** 2 * 3 + MARGIN),
        map1=_zeros(bordered[0]),
        map2=_zeros(bordered[1]),
        map3=_zeros(sides[2] ** 2 * channels),
        gradient1=_zeros(bordered[0]),
        gradient2=_zeros(bordered[1]),
        gradient3=_zeros(sides[2] ** 2 * channels),
        offsets=_zeros(5, np.intp),
        found=_zeros(size, np.intp),
        slopes=_zeros(size),
        rows=_zeros(scratch),
        nothing=_zeros(0),
    )
    one, two, three = (_zeros(side**2 * channels, np.uint8) for side in sides)
    return workspace, (one, two, three)


def _empty(shape: tuple[int, ...], kind: DTypeLike = np.float32) -> NDArray[Any]:
    """Memory that begins on a cache line: a vector that lies across two lines costs double."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(kind).reshape(shape)


def _zeros(count: int, kind: DTypeLike = np.float32) -> NDArray[Any]:
    out = _empty((count,), kind)
    out[:] = 0
    return out


def _aligned(values: Floats) -> Floats:
    """A flat copy that begins on a cache line."""
    out = _empty(values.shape)
    out[...] = values
    return out.reshape(-1)
