"""least-levels: by how few levels values must move, and then how few of them, and how little.

Ours, for LINF. On the grid the distance is a whole number of levels k, so many pictures share it:
first the least k (by_level.py), then of all pictures within k levels the one of least L2, by
turning with every value held within k. Without a grid: turning, with the family r sign(V).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from pasunchat.attacks.methods.by_level import ByLevel
from pasunchat.attacks.methods.turning import Turning
from pasunchat.attacks.norms import L2, LINF, row_norms
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Effort
from pasunchat.attacks.search import Found, search
from pasunchat.attacks.task import Task
from pasunchat.progress import silent

LOOKS: Mapping[Effort, ByLevel] = {
    "quick": ByLevel(many=8),
    "normal": ByLevel(),
    "thorough": ByLevel(many=64),
}
NEXT_EFFORT: Mapping[Effort, Effort] = {"quick": "quick", "normal": "quick", "thorough": "normal"}


@dataclass(frozen=True)
class LeastLevels:
    """effort: gradients at each level: quick 8, normal 8 or 32, thorough 8 or 64; and those of
    turning afterwards: 8, 8, and 8 to 40."""

    about: ClassVar[str] = "the fewest levels, then the least L2 within them (ours)"
    paper: ClassVar[str] = "ours; see turning"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = (LINF.name,)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    when: ClassVar[str] = "for the least LINF change, as a file or in float"
    cost: ClassVar[str] = "some 12 gradients and 8 questions; up to 40 for rows that are undecided"

    effort: Effort = "normal"

    def find(self, task: Task) -> Found:
        """As `search`."""
        problem, part = task.problem, replace(task, progress=silent)
        if problem.levels is None:
            return search(Turning(self.effort), task)
        found = search(LOOKS[self.effort], part)
        levels = (found.distance[task.rows] * problem.unit).round().cpu()
        ended = int(levels.isinf().sum())
        for level in sorted(set(levels[levels.isfinite()].tolist())):
            some = task.rows[levels == level]
            smaller = Turning(NEXT_EFFORT[self.effort], most=level / problem.unit)
            within = search(smaller, replace(part, problem=replace(problem, norm=L2), rows=some))
            _take_smaller(problem, found, within, some)
            ended += len(some)
            task.progress(ended, len(task.rows))
        return found


def _take_smaller(problem: Problem, found: Found, within: Found, rows: Tensor) -> None:
    """Count what was asked, and take the rows of `within` that reached with less L2."""
    found.forwards[rows] += within.forwards[rows]
    found.backwards[rows] += within.backwards[rows]
    size = row_norms(found.pixels[rows] - problem.pixels[rows])
    taken = rows[(within.distance[rows] < size).to(rows.device)]
    found.pixels[taken] = within.pixels[taken]
    found.distance[taken] = problem.rows(taken).distance(within.pixels[taken])
