"""An attack inside a radius as a search for the nearest: the radius is halved in.

Where the search of a smaller radius fails and that of a larger one reaches, the next radius lies
between. Croce and Hein's minimal APGD is this with APGD (field study, attacks.md 2.1).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pasunchat.attacks.norms import L0, LINF, PIXELS
from pasunchat.attacks.problem import ROUNDING, Problem
from pasunchat.attacks.protocol import Aim, Facts, refuse_below_one
from pasunchat.attacks.search import Found, nothing_found
from pasunchat.attacks.strategies.strategy import OfParts, found_by, take_better
from pasunchat.attacks.task import Task

FINE = 0.01  # of the radius: a bracket this narrow is closed


@dataclass(frozen=True)
class Shrinking(OfParts):
    """attack: one that searches inside a radius. rounds: radii tried for each row. first: the
    first of them, as the share of [0, 1] that every value may move."""

    attack: Facts
    rounds: int = 12
    first: float = 4 / 255

    def __post_init__(self) -> None:
        refuse_below_one(self, "rounds")
        if not 0 < self.first <= 1:
            raise ValueError(f"first: expected between 0 and 1, got {self.first}")

    @property
    def parts(self) -> tuple[Facts, ...]:
        """Its one attack."""
        return (self.attack,)

    @property
    def about(self) -> str:
        """What it does."""
        return f"the smallest radius, by halving: {self.attack.about}"

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The nearest; with a radius, the attack itself."""
        return ("nearest", "within")

    @property
    def when(self) -> str:
        """What to take it for."""
        return "the least radius by an attack that wants one"

    @property
    def cost(self) -> str:
        """What it costs."""
        return f"up to {self.rounds} times {self.attack.cost}"

    def find(self, task: Task) -> Found:
        """As `search`."""
        problem = task.problem
        if problem.radius is not None:
            return found_by(self.attack, task)
        found, left = nothing_found(problem), task.rows
        widest = problem.norm.measure(torch.ones_like(problem.pixels))
        low, radius = torch.zeros_like(widest), _possible(problem, self.first * widest)
        for number in range(self.rounds):
            if task.ends_before(number, left):
                break
            tried = replace(problem, radius=radius)
            part = found_by(self.attack, replace(task.part(left, "round", number), problem=tried))
            low = torch.where(part.distance.isinf(), radius, low)
            take_better(found, part, left)
            radius = _possible(problem, _between(low, found.distance, widest))
            open_ = (radius > low * (1 + FINE)) & (radius < found.distance * (1 - FINE))
            left = left[open_[left].cpu()]
            task.tell(left)
        return found


def _between(low: Tensor, high: Tensor, widest: Tensor) -> Tensor:
    """The next radius, [N]: the middle of the bracket; four times as far where nothing reached."""
    return torch.where(high.isinf(), (4 * low).minimum(widest), (low + high) / 2)


def _possible(problem: Problem, radius: Tensor) -> Tensor:
    """In LINF on a grid whole levels, at least one; in L0 and PIXELS whole numbers."""
    if problem.norm in (L0, PIXELS):
        return radius.floor().clamp_min(1)
    if problem.norm is not LINF or problem.levels is None:
        return radius
    return (radius * problem.unit * (1 + ROUNDING)).floor().clamp_min(1) / problem.unit
