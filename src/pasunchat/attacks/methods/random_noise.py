"""Random noise inside a radius: the control. What it fools needed no attack."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.methods.common import anywhere_inside, on_grid, usable_radius
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

AT_ONCE = 4


@dataclass(frozen=True)
class RandomNoiseState:
    """keys: of the row's next draws; radius; left: draws to go; done. All [N]."""

    keys: Tensor
    radius: Tensor
    left: Tensor
    done: Tensor


@dataclass(frozen=True)
class RandomNoise:
    """draws: how many noises are tried for each photo, in fours."""

    about: ClassVar[str] = "noise drawn inside the radius (the control)"
    paper: ClassVar[str] = "none: it is what every attack is to be compared with"
    needs: ClassVar[Access] = "labels"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1", "l0", "pixels")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare an attack with"
    cost: ClassVar[str] = "100 questions"

    draws: int = 100

    def __post_init__(self) -> None:
        refuse_below_one(self, "draws")

    def start(self, problem: Problem, keys: Tensor) -> RandomNoiseState:
        left = torch.full_like(keys, self.draws, device=problem.pixels.device)
        return RandomNoiseState(keys, usable_radius(problem), left, left < 0)

    def ask(self, problem: Problem, state: RandomNoiseState) -> Ask:
        drawn = [
            on_grid(problem, state.radius, anywhere_inside(problem, state.radius, keys))
            for keys in ((state.keys + offset) for offset in range(AT_ONCE))
        ]
        on_it = problem.levels is not None
        return Ask(torch.stack(drawn, 1), torch.zeros_like(state.done), on_grid=on_it)

    def loss(self, problem: Problem, state: RandomNoiseState, logits: Tensor) -> Tensor:
        raise NotImplementedError("random noise asks for no gradient")

    def step(self, problem: Problem, state: RandomNoiseState, answer: Answer) -> RandomNoiseState:
        left = state.left - AT_ONCE
        return RandomNoiseState(state.keys + AT_ONCE, state.radius, left, left <= 0)
