"""An attack inside a radius as a search for the nearest change: the radius is bisected.

Where the search of a smaller radius fails and that of a larger one reaches, the next radius lies
between. With APGD this is the least radius at which APGD fools.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pasunchat.attacks.find import find
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask, no_result
from pasunchat.attacks.strategies.strategy import info_of_parts, take_better
from pasunchat.norms import ROUNDING

FINE = 0.01  # of the radius: a bracket this narrow is closed


@dataclass(frozen=True)
class Shrinking:
    """The least radius at which an attack reaches."""

    attack: Method  # one that searches inside a radius
    rounds: int = 12  # radii tried for each row
    first: float = 4 / 255  # the first of them, as the share of [0, 1] that every value may move

    def __post_init__(self) -> None:
        refuse_below_one(self, "rounds")
        if not 0 < self.first <= 1:
            raise ValueError(f"first: expected between 0 and 1, got {self.first}")

    @property
    def info(self) -> AttackInfo:
        """What follows from its attack; with a radius it is the attack itself."""
        return info_of_parts(
            (self.attack,),
            about=f"the smallest radius, by bisection: {self.attack.info.about}",
            when="for the least radius by an attack that wants one",
            cost=f"up to {self.rounds} times {self.attack.info.cost}",
            nearest=True,
        )

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        problem, rows = task.problem, task.rows
        if problem.radius is not None:
            return find(self.attack, task)
        found = no_result(problem)
        widest = problem.norm.measure(torch.ones_like(problem.pixels))
        low, radius = torch.zeros_like(widest), _possible(problem, self.first * widest)
        for number in range(self.rounds):
            if not len(rows) or (number and task.is_over()):
                break
            tried = replace(problem, radius=radius)
            part = find(self.attack, replace(task.part(rows, "round", number), problem=tried))
            low = torch.where(part.distance.isinf(), radius, low)
            take_better(found, part, rows)
            radius = _possible(problem, _between(low, found.distance, widest))
            open_ = (radius > low * (1 + FINE)) & (radius < found.distance * (1 - FINE))
            rows = rows[open_[rows].cpu()]
            task.report(rows)
        return found


def _between(low: Tensor, high: Tensor, widest: Tensor) -> Tensor:
    """The next radius, [N]: the middle of the bracket; four times as far where nothing reached."""
    return torch.where(high.isinf(), (4 * low).minimum(widest), (low + high) / 2)


def _possible(problem: Problem, radius: Tensor) -> Tensor:
    """The largest distance of a picture inside the radius that the norm and the grid know: whole
    levels in LINF, whole numbers in norms that count."""
    usable = problem.norm.usable_radius(radius, problem.grid) * (1 + ROUNDING)
    return usable.clamp_min(problem.norm.least(problem.grid))
