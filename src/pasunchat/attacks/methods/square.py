"""Square: one random square of the change at a time, kept where the margin grows. Scores only.

Andriushchenko, Croce, Flammarion and Hein 2020, "Square Attack: a query-efficient black-box
adversarial attack via random search", arXiv:1912.00049, algorithms 1 to 3. The change starts as
vertical stripes of +-radius (LINF) or as a grid of tiles (L2); then each query changes one square
window, whose area is a share p of the picture. p falls by half at fixed shares of the budget.
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pasunchat.attacks.methods.square_changes import (
    other_square,
    other_square_l2,
    stripes,
    tiles,
)
from pasunchat.attacks.methods.within import ask_on_grid, usable_radius
from pasunchat.attacks.norms import L2, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

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
