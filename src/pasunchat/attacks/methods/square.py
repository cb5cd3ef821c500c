"""Square: one random square of the change at a time, kept where the margin grows. Scores only.

Andriushchenko, Croce, Flammarion and Hein 2020, "Square Attack: a query-efficient black-box
adversarial attack via random search", arXiv:1912.00049, algorithms 1 to 3. The change starts as
vertical stripes of +-radius (LINF) or as a grid of tiles (L2); then each query changes one square
window, whose area is a share p of the picture. p falls by half at fixed shares of the budget.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pasunchat.attacks.methods.common import ask_on_grid, usable_radius
from pasunchat.attacks.norms import L2, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one


def signs(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """+1 or -1 for each place."""
    return torch.randint(0, 2, shape, generator=generator).float().mul_(2).sub_(1)


def tile(height: int, width: int, generator: Generator) -> Tensor:
    """[H, W] of length 1: a hill above or beside a hollow."""
    if torch.rand((), generator=generator) < 0.5:
        return tile_upright(width, height).T
    return tile_upright(height, width)


@lru_cache(maxsize=256)
def tile_upright(height: int, width: int) -> Tensor:
    """[H, W] of length 1: a hill over a hollow."""
    shape = torch.cat([_hill(height // 2, width), -_hill(height - height // 2, width)])
    return shape / shape.square().sum().sqrt().clamp_min(1e-12)


def _hill(height: int, width: int) -> Tensor:
    """[H, W]: rectangles around the middle, the k-th of them 1/k^2 high, one upon the other."""
    hill = torch.zeros(height, width)
    middle = [height // 2, width // 2]
    for k in range(1, max(height, width) // 2 + 2):
        top, left = (max(at - k + 1, 0) for at in middle)
        bottom, right = (at + k for at in middle)
        hill[top:bottom, left:right] += 1 / k**2
    return hill


def tiled(shape: torch.Size, generator: Generator) -> Tensor:
    """[C, H, W] of length 1: a tile in each fifth of the picture, a sign for each channel."""
    channels, height, width = shape
    side = max(min(height, width) // 5, 1)
    change = torch.zeros(shape)
    for row in range(height // side):
        for column in range(width // side):
            at = (slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
            change[:, *at] = tile(side, side, generator) * signs((channels, 1, 1), generator)
    return change / change.square().sum().sqrt().clamp_min(1e-12)


def stripes(photo: Tensor, generator: Generator) -> Tensor:
    """One row's first change in LINF, [3, H, W] of +-1: vertical stripes."""
    channels, height, width = photo.shape
    return signs((channels, 1, width), generator).to(photo).expand(-1, height, -1)


def tiles(photo: Tensor, generator: Generator) -> Tensor:
    """One row's first change in L2, [3, H, W] of length 1: tiles a fifth of the picture wide."""
    return tiled(photo.shape, generator).to(photo)


def _place(photo: Tensor, side: int, generator: Generator) -> tuple[slice, slice]:
    """Where a square lies."""
    rows, columns = (
        int(torch.randint(0, length - side + 1, (), generator=generator))
        for length in photo.shape[1:]
    )
    return slice(rows, rows + side), slice(columns, columns + side)


def other_square(
    photo: Tensor, now: Tensor, radius: float, side: int, generator: Generator
) -> Tensor:
    """The pixels with the change in one square +-radius, a sign for each channel (LINF)."""
    rows, columns = _place(photo, side, generator)
    tried = now.clone()
    window = photo[:, rows, columns] + radius * signs((len(photo), 1, 1), generator).to(photo)
    tried[:, rows, columns] = window.clamp_(0, 1)
    return tried


def other_square_l2(
    photo: Tensor, now: Tensor, radius: float, side: int, generator: Generator
) -> Tensor:
    """The pixels with the change of one square moved into another, where it takes the shape of a
    tile (L2, algorithm 3)."""
    side = min(max(side, 3) | 1, *photo.shape[1:])
    change = now - photo
    rows, columns = _place(photo, side, generator)
    emptied = _place(photo, side, generator)
    before = change.square().sum()
    here = change[:, rows, columns].clone()
    both = change.clone()
    both[:, rows, columns] = 0
    both[:, emptied[0], emptied[1]] = 0
    freed = before - both.square().sum()
    own = here.square().sum((1, 2), keepdim=True).sqrt()
    shape = tile(side, side, generator) * signs((len(photo), 1, 1), generator)
    shape = shape.to(photo) + here / own.clamp_min(1e-12)
    length = ((radius**2 - before).clamp_min(0) / len(photo) + freed / len(photo)).sqrt()
    size = shape.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    change = both
    change[:, rows, columns] = shape / size * length
    change = change * (radius / change.square().sum().sqrt().clamp_min(1e-12))
    return (photo + change).clamp_(0, 1)


FALLS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries: p is halved


@dataclass(frozen=True)
class SquareState:
    """best, tried: the pixels of the largest margin so far, and those asked next, before the grid,
    [N, 3, H, W]. margin: of best. keys, radius, clock (queries so far), done: [N]."""

    best: Tensor
    tried: Tensor
    margin: Tensor
    keys: Tensor
    radius: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class Square:
    """queries: at most, for each photo. share: of the picture that the first squares cover."""

    about: ClassVar[str] = "random squares of the change, kept where the margin grows"
    paper: ClassVar[str] = "Square Attack: Andriushchenko et al. 2020, arXiv:1912.00049"
    needs: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "a radius, where gradients are not to be had or not to be trusted"
    cost: ClassVar[str] = "5,000 questions, less where one fools"

    queries: int = 5000
    share: float = 0.8

    def __post_init__(self) -> None:
        refuse_below_one(self, "queries")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: expected between 0 and 1, got {self.share}")

    def start(self, problem: Problem, keys: Tensor) -> SquareState:
        radius = usable_radius(problem)
        first = tiles if problem.norm is L2 else stripes
        rows = zip(problem.pixels, keys.tolist(), strict=True)
        noise = torch.stack([first(row, Generator().manual_seed(key)) for row, key in rows])
        tried = problem.allowed((problem.pixels + noise * wide(radius)).clamp_(0, 1))
        clock = torch.zeros_like(radius, dtype=torch.int64)
        nothing = torch.full_like(radius, -torch.inf)
        return SquareState(tried, tried, nothing, keys, radius, clock, clock.bool())

    def ask(self, problem: Problem, state: SquareState) -> Ask:
        return ask_on_grid(problem, state.radius, state.tried, torch.zeros_like(state.done))

    def loss(self, problem: Problem, state: SquareState, logits: Tensor) -> Tensor:
        raise NotImplementedError("Square asks for no gradient")

    def step(self, problem: Problem, state: SquareState, answer: Answer) -> SquareState:
        assert answer.margin is not None
        margin = answer.margin[:, 0]
        better = margin > state.margin
        best = torch.where(wide(better), state.tried, state.best)
        clock = state.clock + 1
        change = other_square_l2 if problem.norm is L2 else other_square
        numbers = (state.radius.tolist(), state.keys.tolist(), clock.tolist())
        rows = zip(problem.pixels, best, *numbers, strict=True)
        tried = torch.stack(
            [
                change(photo, now, radius, self._side(photo, at), Generator().manual_seed(key + at))
                for photo, now, radius, key, at in rows
            ]
        )
        return replace(
            state,
            best=best,
            tried=tried,
            margin=torch.where(better, margin, state.margin),
            clock=clock,
            done=clock >= self.queries,
        )

    def _side(self, photo: Tensor, clock: int) -> int:
        """The side of the squares after so many queries, in pixels."""
        height, width = photo.shape[1:]
        at = clock * 10_000 // self.queries
        share = self.share * 0.5 ** sum(at > fall for fall in FALLS)
        return min(max(round(sqrt(share * height * width)), 1), height, width)
