"""The kernel from Python: memory, weights laid out for it, and threads that share the photos."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pasunchat.classifiers.fast.layers import STRETCH, Floats, combined
from pasunchat.classifiers.fast.layers_back import DEEP
from pasunchat.classifiers.fast.passes import run, weighted_sum
from pasunchat.classifiers.fast.vectors import LANES

CACHE_LINE = 64
MARGIN = 2 * LANES  # floats behind a map that a vector may touch
TURN = 2  # photos that a thread takes at a time


class Work(NamedTuple):
    """logits [N, 2], and each photo's gradients apart, [0, ..] where they were not wanted."""

    logits: Floats
    of_weights: Floats
    of_photos: Floats


class Kernel:
    """For photos of one size (a multiple of 8) and a number of channels (a multiple of 16).

    A photo's numbers do not depend on the photos beside it, nor on the thread that takes it.
    """

    def __init__(self, size: int, channels: int, threads: int) -> None:
        self.size, self.channels = size, channels
        self.lock, self.threads = threading.Lock(), ThreadPoolExecutor(threads)
        self.rooms = [_room(size, channels) for _ in range(threads)]

    def run(
        self,
        photos: Floats,
        weights: tuple[Floats, ...],
        slopes: Floats,
        want_weights: bool,
        want_photos: bool,
    ) -> Work:
        """Photos [N, size, size, 3] through the network, and back where a gradient is wanted.

        weights: from `lay_out`. slopes [N, 2]: the gradient with respect to the logits.
        """
        count, co = len(photos), self.channels
        in_weights = co * 3 * LANES + 2 * co * 9 * co + 3 * co + (self.size // 8) ** 2 * co
        in_photo = (self.size + 2) ** 2 * 3 + MARGIN
        work = Work(
            np.empty((count, 2), np.float32),
            _empty((count if want_weights else 0, in_weights)),
            _empty((count if want_photos else 0, in_photo)),
        )
        rows, groups = photos.reshape(count, self.size, self.size * 3), (0,) * (co // LANES)
        starts = iter(range(0, count, TURN))

        def take_turns(room: tuple[Any, ...], winners: tuple[Any, ...]) -> None:
            for first in starts:
                last = min(first + TURN, count)
                run(rows, first, last, groups, weights, room, winners, slopes, *work)

        with self.lock:
            hands = self.rooms[: -(-count // TURN)]
            others = [self.threads.submit(take_turns, *room) for room in hands[1:]]
            take_turns(*hands[0])
            for other in others:
                other.result()
        return work


def lay_out(
    weights: Sequence[NDArray[Any]],
    size: int,
    want_photos: bool,
    scale: Sequence[float] = (1, 1, 1),
    shift: Sequence[float] = (0, 0, 0),
) -> tuple[Floats, ...]:
    """PyTorch's weights w1, b1, .., w3, b3, dense w, b as the kernel reads them; always copies.

    Before them what each colour is multiplied by and what is then added, along a row of pixels.
    Forward: group of outputs, row (of four: `combined`), column, input, lane. Back: output, group
    of inputs, row, column, lane. Dense: row, column, channel, where PyTorch has the channel first.
    """
    w1, b1, w2, b2, w3, b3, wd, bd = weights
    co, side = len(b1), size // 8

    def forward(w: Floats) -> Floats:
        rows = combined(w).reshape(co // LANES, LANES, -1, 4, 3)
        return _laid(rows.transpose(0, 3, 4, 2, 1))

    def back(w: Floats) -> Floats:
        return _laid(w.reshape(co, co // LANES, LANES, 3, 3).transpose(0, 1, 3, 4, 2))

    return (
        *(_laid(np.tile(np.array(colours, np.float32), size)) for colours in (scale, shift)),
        *(forward(w1), _laid(b1), forward(w2), _laid(b2), forward(w3), _laid(b3)),
        *(_laid(wd.reshape(2, co, side, side).transpose(0, 2, 3, 1)), _laid(bd)),
        *(back(w2), back(w3), _laid(_winner_table(w1)) if want_photos else _empty((0,))),
    )


def weight_gradients(
    work: Work, scales: Floats, slopes: Floats, channels: int
) -> tuple[Floats, ...]:
    """The sum over the photos: of scales[n] x photo n's for the convolutions, and of the dense
    layer's with `slopes` [N, 2]; in PyTorch's order and shapes."""
    co = channels
    first, block = co * 3 * LANES, co * 9 * co
    ends = np.cumsum([first, co, block, co, block, co])
    sums = np.zeros(ends[-1], np.float32)
    weighted_sum(work.of_weights, 0, scales, sums)
    w1, b1, w2, b2, w3, b3 = np.split(sums, ends[:-1])
    wd = np.zeros((2, work.of_weights.shape[1] - ends[-1]), np.float32)
    for row, scale in zip(wd, slopes.T.copy(), strict=True):
        weighted_sum(work.of_weights, ends[-1], scale, row)

    def wide(g: Floats) -> Floats:
        g = g.reshape(co, co // LANES, 3, 3, LANES).transpose(0, 1, 4, 2, 3)
        return g.reshape(co, co, 3, 3)

    side = int((wd.shape[1] // co) ** 0.5)
    w1 = w1.reshape(co, 3, LANES)[:, :, :9].reshape(co, 3, 3, 3).transpose(0, 3, 1, 2)
    wd = wd.reshape(2, side, side, co).transpose(0, 3, 1, 2).reshape(2, -1)
    return w1, b1, wide(w2), b2, wide(w3), b3, wd, slopes.sum(0)


def photo_gradients(work: Work, size: int) -> Floats:
    """Each photo's [N, size, size, 3], a view."""
    maps = work.of_photos[:, :-MARGIN].reshape(-1, size + 2, size + 2, 3)
    return maps[:, 1:-1, 1:-1]


def _winner_table(w1: Floats) -> Floats:
    """[co, winner, 4, 16]: w1 where it lies in the 4 x 4 pixels that a pooled cell reaches, by
    which pixel won; zeros for 4, none."""
    table = np.zeros((len(w1), 5, 4, LANES), np.float32)
    for winner in range(4):
        y, x = divmod(winner, 2)
        cell = table[:, winner, y : y + 3, 3 * x : 3 * x + 9]
        cell[:] = w1.transpose(0, 2, 3, 1).reshape(-1, 3, 9)
    return table


def _room(size: int, channels: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What one thread writes into: maps, gradients of maps, lists of winners, rows in the making;
    and winners."""
    halves = [size // part for part in (2, 4, 8)]
    maps = [_zeros((side + 2) ** 2 * channels + MARGIN) for side in halves[:2]]
    slopes = [_zeros((side + 2) ** 2 * channels + MARGIN) for side in halves[:2]]
    photo, flat = _zeros((size + 2) ** 2 * 3 + MARGIN), halves[2] ** 2 * channels
    lists = _zeros(5, np.intp), _zeros(size, np.intp), _zeros(size)
    rows = max(4 * (2 * STRETCH + 2) * channels, (2 * DEEP + 2) * 2 * STRETCH * LANES)
    room = (photo, *maps, _zeros(flat), *slopes, _zeros(flat), *lists, _zeros(rows), _zeros(0))
    return room, tuple(_zeros(side**2 * channels, np.uint8) for side in halves)


def _empty(shape: tuple[int, ...], kind: DTypeLike = np.float32) -> NDArray[Any]:
    """Memory that begins on a cache line: a vector across two of them costs double."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(kind).reshape(shape)


def _zeros(count: int, kind: DTypeLike = np.float32) -> NDArray[Any]:
    out = _empty((count,), kind)
    out[:] = 0
    return out


def _laid(weights: Floats) -> Floats:
    out = _empty(weights.shape)
    out[...] = weights
    return out.reshape(-1)
