"""Square: changes one random square of the picture at a time, and stays where the margin grows.

Andriushchenko, Croce, Flammarion and Hein 2020, "Square Attack: a query-efficient black-box
adversarial attack via random search", arXiv:1912.00049, algorithms 1 to 3; it needs scores only.
The change starts as vertical stripes of +-radius (LINF) or as a grid of tiles (L2); then each query
changes one square window, whose area is a share p of the picture:

    LINF:  the window takes +-radius, one sign for each channel
    L2:    the window takes a tile, and the length of another window that is emptied

p falls by half at fixed shares of the queries. The best so far changes only where the margin grows.

Where this differs from the paper: its loss is the margin for targeted goals too, what is queried
lies on the grid where there is one, and it can begin where searches before came nearest.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    refuse_below_one,
)
from pasunchat.draws import draw_numbers, draw_signs
from pasunchat.norms import L2, LINF, batch_view, normalize, row_norms

HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries
TINY = 1e-12  # a length is divided by no less


@dataclass(frozen=True)
class SquareState:
    """Where the search is. Pixels are not on the grid."""

    best: Tensor  # pixels of the largest margin so far, [N, 3, H, W]
    candidates: Tensor  # pixels queried next, [N, Q, 3, H, W]
    margin: Tensor  # [N]: that of best, minus infinity before the first answer
    keys: Tensor  # int64 [N]: each row's seed
    radius: Tensor  # [N]: the usable radius


@dataclass(frozen=True)
class Square:
    """Random squares of the change, where scores are known and gradients are not."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="random squares of the change, accepted where the margin grows",
        paper="Square Attack: Andriushchenko et al. 2020, arXiv:1912.00049",
        norms=(LINF.name, L2.name),
        when="a radius, where gradients are unknown or not to be trusted",
        cost="5,000 queries, fewer where one fools",
        needs="scores",
        aims=("within",),
    )

    queries: int = 5000  # largest number of queries for a photo
    share: float = 0.8  # share of the picture that the first squares cover
    follow: bool = False  # begin where searches before came nearest, if there were any
    together: int = 1  # squares of a row that are asked about at once; the best of them counts

    def __post_init__(self) -> None:
        refuse_below_one(self, "queries", "together")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: expected between 0 and 1, got {self.share}")

    @property
    def steps(self) -> int:
        """The loop asks once more after the last step."""
        return -(-(self.queries - 1) // self.together)

    def start(self, problem: Problem, keys: Tensor) -> SquareState:
        radius = problem.usable_radius()
        first = _tiles if problem.norm is L2 else _stripes
        pixels = problem.pixels + first(problem.pixels, keys) * batch_view(radius)
        pixels = problem.allowed(pixels.clamp_(0, 1))
        if self.follow and problem.nearest_try is not None:
            tried = (problem.nearest_try != problem.pixels).flatten(1).any(1)
            pixels = torch.where(batch_view(tried), problem.nearest_try, pixels)
        none = torch.full_like(radius, -torch.inf)
        return SquareState(pixels, pixels[:, None], none, keys, radius)

    def ask(self, problem: Problem, state: SquareState, step: int) -> Query:
        if problem.levels is None:
            return Query(state.candidates)
        each = [problem.round_inside(state.radius, part) for part in state.candidates.unbind(1)]
        return Query(torch.stack(each, 1), on_grid=True)

    def loss(self, problem: Problem, state: SquareState, logits: Tensor) -> Tensor:
        raise NotImplementedError("Square asks for no gradient")

    def step(self, problem: Problem, state: SquareState, answer: Answer, step: int) -> SquareState:
        assert answer.margin is not None
        margin, which = answer.margin.max(1)
        rows = torch.nonzero(margin > state.margin).squeeze(1)
        best = state.best.index_copy(0, rows, state.candidates[rows, which[rows]])
        margin = torch.maximum(margin, state.margin)
        asked = 1 + step * self.together
        count = min(self.together, max(self.queries - asked, 1))
        candidates = self._candidates(problem, best, state, asked, count)
        return SquareState(best, candidates, margin, state.keys, state.radius)

    def _candidates(
        self, problem: Problem, best: Tensor, state: SquareState, asked: int, count: int
    ) -> Tensor:
        """The next pixels after some queries, [N, count, 3, H, W], each with a square of its own
        changed."""
        each = torch.arange(len(best)).repeat_interleave(count)
        keys = state.keys[each] + asked + torch.arange(count).repeat(len(best))
        each = each.to(best.device)
        side = self._side(problem.pixels, asked)
        if problem.norm is L2:
            photos, radius = problem.pixels[each], state.radius[each]
            pixels = _with_moved_square(photos, best[each], radius, side, keys)
        else:
            pixels = _repeated(best, count)
            _set_new_squares(pixels, problem.pixels, state.radius, side, keys, each)
        return pixels.view(len(best), count, *pixels.shape[1:])

    def _side(self, photos: Tensor, queries: int) -> int:
        """The side of the squares after some queries, in pixels."""
        height, width = photos.shape[2:]
        of_schedule = queries * 10_000 // self.queries
        share = self.share * 0.5 ** sum(of_schedule > after for after in HALVED_AFTER)
        return min(max(round(sqrt(share * height * width)), 1), height, width)


def _stripes(photos: Tensor, keys: Tensor) -> Tensor:
    """The first change in LINF, [N, 3, H, W] of +-1: vertical stripes."""
    return draw_signs(keys, photos[:, :, :1], "stripes").expand_as(photos)


def _tiles(photos: Tensor, keys: Tensor) -> Tensor:
    """The first change in L2, [N, 3, H, W] of length 1: tiles a fifth of the picture wide, a sign
    for each tile and channel; 0 where no whole tile fits."""
    height, width = photos.shape[2:]
    side = max(min(height, width) // 5, 1)
    corners = photos[:, :, : height // side, : width // side]  # one value for each tile
    upright = draw_signs(keys, corners[:, :1], "upright")[..., None, None] > 0
    signs = draw_signs(keys, corners, "signs")[..., None, None]
    tile = _tile(side).to(photos)
    tiles = torch.where(upright, tile, tile.T) * signs  # [N, 3, rows, columns, side, side]
    whole = tiles.transpose(3, 4).flatten(4, 5).flatten(2, 3)
    change = torch.zeros_like(photos)
    change[:, :, : whole.shape[2], : whole.shape[3]] = whole
    return normalize(change)


def _repeated(best: Tensor, count: int) -> Tensor:
    """A copy of each row `count` times, [N * count, 3, H, W], in channels_last layout."""
    inner = best.permute(0, 2, 3, 1)[:, None].expand(-1, count, -1, -1, -1)
    copies = inner.clone(memory_format=torch.contiguous_format)
    return copies.flatten(0, 1).permute(0, 3, 1, 2)


def _set_new_squares(
    pixels: Tensor, photos: Tensor, radius: Tensor, side: int, keys: Tensor, each: Tensor
) -> None:
    """Set the photo with +-radius in one square of each of M pixels, a sign for each channel
    (LINF). Only the square is touched, since most are small. each: int64 [M], its row of the
    photos."""
    corner = _corners(photos, side, keys, "place")
    along = torch.arange(side, device=photos.device)
    rows = (corner[:, 0, None] + along)[:, :, None]
    columns = (corner[:, 1, None] + along)[:, None, :]
    number = torch.arange(len(each), device=photos.device)[:, None, None]
    shift = batch_view(radius[each]) * _few_signs(keys, photos)  # [M, 3, 1, 1]
    photo = photos.permute(0, 2, 3, 1)[each[:, None, None], rows, columns]  # [M, side, side, 3]
    square = (photo + shift.permute(0, 2, 3, 1)).clamp_(0, 1)
    pixels.permute(0, 2, 3, 1)[number, rows, columns] = square


def _with_moved_square(
    photos: Tensor, best: Tensor, radius: Tensor, side: int, keys: Tensor
) -> Tensor:
    """The pixels with the change of one square moved into another, where it takes the shape of a
    tile (L2, algorithm 3)."""
    side = min(max(side, 3) | 1, *photos.shape[2:])
    square = _squares(photos, side, keys, "filled")
    emptied = _squares(photos, side, keys, "emptied").inside
    change = best - photos
    outside = change * ~(square.inside | emptied)
    here = change * square.inside
    length = batch_view(row_norms(change))
    freed = length.square() - batch_view(row_norms(outside)).square()
    unused = (batch_view(radius).square() - length.square()).clamp_min(0)
    signs = _few_signs(keys, photos)
    shape = _tiles_inside(square, side, keys) * signs + here / _channel_norms(here)
    filled = shape / _channel_norms(shape) * ((unused + freed) / photos.shape[1]).sqrt()
    return (photos + normalize(outside + filled) * batch_view(radius)).clamp_(0, 1)


def _few_signs(keys: Tensor, photos: Tensor) -> Tensor:
    """+1 or -1 for each channel, [N, 3, 1, 1]."""
    drawn = draw_numbers(keys, photos.shape[1], "signs")[..., None, None]
    return (drawn < 0.5).to(photos) * 2 - 1


def _channel_norms(change: Tensor) -> Tensor:
    """The L2 norm of each channel, [N, 3, 1, 1]; not 0."""
    return change.square().sum((2, 3), keepdim=True).sqrt().clamp_min(TINY)


def _corners(photos: Tensor, side: int, keys: Tensor, purpose: str) -> Tensor:
    """The first row and column of a square anywhere in the picture, int64 [M, 2], drawn from the
    rows' keys."""
    drawn = draw_numbers(keys, 2, purpose)
    rooms = [length - side + 1 for length in photos.shape[2:]]  # how many places there are
    return (drawn * drawn.new_tensor(rooms)).long().to(photos.device)


class _Squares(NamedTuple):
    """A square for each row."""

    rows: Tensor  # int64 [N, 1, H, 1]: the picture's rows, counted from the square's first
    columns: Tensor  # int64 [N, 1, 1, W]: its columns, counted likewise
    inside: Tensor  # bool [N, 1, H, W]


def _squares(photos: Tensor, side: int, keys: Tensor, purpose: str) -> _Squares:
    """Squares anywhere in the picture, drawn from the rows' keys."""
    first = _corners(photos, side, keys, purpose)
    rows, columns = (
        torch.arange(length, device=photos.device) - first[:, axis, None]
        for axis, length in enumerate(photos.shape[2:])
    )
    rows, columns = rows[:, None, :, None], columns[:, None, None, :]
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    return _Squares(rows, columns, inside)


def _tiles_inside(squares: _Squares, side: int, keys: Tensor) -> Tensor:
    """A tile in each square, upright or not, and 0 outside, [N, 1, H, W]."""
    rows, columns = (at.clamp(0, side - 1) for at in (squares.rows, squares.columns))
    tile = _tile(side).to(rows.device)
    upright = batch_view(draw_numbers(keys, 1, "upright").to(tile.device)[:, 0] < 0.5)
    return torch.where(upright, tile[rows, columns], tile[columns, rows]) * squares.inside


@lru_cache(maxsize=256)
def _tile(side: int) -> Tensor:
    """[side, side] of length 1: a hill over a hollow."""
    tile = torch.cat([_hill(side // 2, side), -_hill(side - side // 2, side)])
    return tile / tile.square().sum().sqrt().clamp_min(TINY)


def _hill(height: int, width: int) -> Tensor:
    """[H, W]: rectangles around the middle, the k-th of them 1/k^2 high, one upon the other."""
    hill = torch.zeros(height, width)
    middle = [height // 2, width // 2]
    for k in range(1, max(height, width) // 2 + 2):
        top, left = (max(at - k + 1, 0) for at in middle)
        bottom, right = (at + k for at in middle)
        hill[top:bottom, left:right] += 1 / k**2
    return hill
