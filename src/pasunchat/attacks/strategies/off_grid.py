"""An attack that asks about what lies between the values of the grid."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, Ask, Attack, Facts, Keeps
from pasunchat.attacks.strategies.of_parts import OfParts


@dataclass(frozen=True)
class OffGrid(OfParts):
    """attack: one that moves between the values of the grid and asks about what it has rounded.

    Here it asks about its pixels as they are; those that reach are rounded by the loop, and asked
    again (best.py). A LINF change of one level rounds to -1, 0 or 1, which loses much of what its
    gradients would say: of nine photos of two networks that just withstood one level, all came
    nearer so, and one was reached. For LINF alone: elsewhere a rounded change leaves the radius.
    """

    keeps: ClassVar[Keeps] = "nearest"

    attack: Attack[Any]

    @property
    def parts(self) -> tuple[Facts, ...]:
        """Its one attack."""
        return (self.attack,)

    @property
    def about(self) -> str:
        """What it does."""
        return f"asked between the values of the grid: {self.attack.about}"

    @property
    def when(self) -> str:
        """What to take it for."""
        return "few levels of LINF on the grid, after a search on it"

    @property
    def cost(self) -> str:
        """What it costs."""
        return self.attack.cost

    def start(self, problem: Problem, keys: Tensor) -> Any:
        return self.attack.start(problem, keys)

    def ask(self, problem: Problem, state: Any) -> Ask:
        return self.attack.ask(replace(problem, levels=None), state)

    def loss(self, problem: Problem, state: Any, logits: Tensor) -> Tensor:
        return self.attack.loss(problem, state, logits)

    def step(self, problem: Problem, state: Any, answer: Answer) -> Any:
        return self.attack.step(problem, state, answer)
