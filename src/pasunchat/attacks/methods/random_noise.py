"""Random noise inside a radius: the control. What it fools needed no attack.

Noises are drawn inside the ball of the problem's norm, cut to pixels in [0, 1] and put on the grid.
A row ends as soon as one of them reaches the goal.
"""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, refuse_below_one
from pasunchat.norms import NORMS

AT_ONCE = 4  # pictures that a row queries at a step


@dataclass(frozen=True)
class RandomNoiseState:
    """What the draws depend on; it stays the same."""

    keys: Tensor  # int64 [N]: each row's seed
    radius: Tensor  # [N]: the usable radius


@dataclass(frozen=True)
class RandomNoise:
    """Noise drawn inside the radius, with no search at all."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="noise drawn inside the radius (the control)",
        paper="none: it is what every attack is to be compared with",
        norms=tuple(NORMS),
        any_norm=True,
        when="to compare an attack with",
        cost="100 queries",
        needs="labels",
        aims=("within",),
    )

    draws: int = 100  # number of noises tried for a photo, in fours

    def __post_init__(self) -> None:
        refuse_below_one(self, "draws")

    @property
    def steps(self) -> int:
        """The loop asks once more after the last step."""
        return ceil(self.draws / AT_ONCE) - 1

    def start(self, problem: Problem, keys: Tensor) -> RandomNoiseState:
        return RandomNoiseState(keys, problem.usable_radius())

    def ask(self, problem: Problem, state: RandomNoiseState, step: int) -> Query:
        keys = (state.keys + AT_ONCE * step + number for number in range(AT_ONCE))
        drawn = [problem.sample(state.radius, row_keys) for row_keys in keys]
        pixels = [problem.round_inside(state.radius, noisy) for noisy in drawn]
        return Query(torch.stack(pixels, 1), on_grid=problem.levels is not None)

    def loss(self, problem: Problem, state: RandomNoiseState, logits: Tensor) -> Tensor:
        raise NotImplementedError("random noise asks for no gradient")

    def step(
        self, problem: Problem, state: RandomNoiseState, answer: Answer, step: int
    ) -> RandomNoiseState:
        return state
