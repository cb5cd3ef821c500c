"""least-levels: by how few levels values must move, and then how few of them, and how little.

Ours, for LINF. On the grid the distance is a whole number of levels k, so many pictures share it:
first the least k (by_level.py), then of all pictures within k levels the one of least L2, by
turning with every value held within k. Without a grid: turning, with the family r sign(V).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import in_steps
from pasunchat.attacks.methods.turning.family import FAMILIES, soft_signs
from pasunchat.attacks.methods.turning.turning import Turning, falling_share, toward
from pasunchat.attacks.norms import L2, LINF, row_norms, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Effort, Keeps
from pasunchat.attacks.search import Found, search
from pasunchat.attacks.task import Task
from pasunchat.progress import silent

NEAR = 0.15  # of the margin at the photo: what many looks may still gain


@dataclass(frozen=True)
class ByLevelState:
    """direction, pixels (to be asked next): [N, 3, H, W]. level: k. failed: the largest level
    given up. reached: the smallest that reached, infinite before. first: |margin| at the photo.
    best: the largest margin at this level. looks, budget: gradients at this level. All [N] but
    where said."""

    direction: Tensor
    pixels: Tensor
    level: Tensor
    failed: Tensor
    reached: Tensor
    first: Tensor
    best: Tensor
    looks: Tensor
    budget: Tensor
    done: Tensor


@dataclass(frozen=True)
class ByLevel:
    """few: gradients at each level. many: where they leave less than 15 % of the margin."""

    about: ClassVar[str] = "all values by one level, then two ..., along a direction that turns"
    paper: ClassVar[str] = "ours"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = (LINF.name,)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"

    when: ClassVar[str] = "as the first part of least-levels"
    cost: ClassVar[str] = "1 to 40 gradients at each level"

    few: int = 8
    many: int = 32

    def start(self, problem: Problem, keys: Tensor) -> ByLevelState:
        none = problem.pixels.new_zeros(len(keys))
        return ByLevelState(
            direction=torch.zeros_like(problem.pixels),
            pixels=problem.pixels,
            level=none,
            failed=none,
            reached=none + inf,
            first=none,
            best=none - inf,
            looks=none,
            budget=none + self.few,
            done=none.bool(),
        )

    def ask(self, problem: Problem, state: ByLevelState) -> Ask:
        return Ask(state.pixels[:, None], ~state.done, on_grid=True)

    def loss(self, problem: Problem, state: ByLevelState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: ByLevelState, answer: Answer) -> ByLevelState:
        assert answer.margin is not None and answer.gradient is not None
        lead, begins = answer.margin[:, 0], state.level == 0
        size = row_norms(answer.gradient)
        guess = -lead * problem.unit / problem.norm.dual(answer.gradient)
        looked = replace(state, best=torch.maximum(state.best, lead))
        moved = self._next_level(problem, looked, answer.reached[:, 0])
        level = torch.where(begins, guess.floor().clamp(1, problem.unit), moved.level)
        first = torch.where(begins, lead.abs(), state.first)
        looks = torch.where(begins, 0, moved.looks) + 1
        family = FAMILIES[LINF.name]
        share = falling_share(looks, moved.budget, family.first, family.last)
        direction = toward(state.direction, answer.gradient, size, share)
        return replace(
            moved,
            direction=direction,
            pixels=_pixels(problem, direction, level, (looks - 1) / moved.budget),
            level=level,
            failed=torch.where(begins, 0, moved.failed),
            best=torch.where(begins, -inf, moved.best),
            first=first,
            looks=looks,
            done=moved.done | ~guess.isfinite(),
        )

    def _next_level(self, problem: Problem, state: ByLevelState, hit: Tensor) -> ByLevelState:
        """Down where a level reached, on, or up where it is given up; done where nothing is open.
        A level begins with no look of its own."""
        spent = ~hit & (state.looks >= state.budget)
        left = (-state.best / state.first).clamp(0, 1)
        longer = spent & (left < NEAR) & (state.budget < self.many)
        up = spent & ~longer
        failed = torch.where(up, torch.maximum(state.failed, state.level), state.failed)
        reached = torch.where(hit, torch.minimum(state.reached, state.level), state.reached)
        needed = (state.level / (1 - left)).floor()
        above = torch.minimum(torch.maximum(needed, state.level + 1), 4 * state.level)
        level = torch.where(hit, state.level - 1, torch.where(up, above, state.level))
        over = (reached - failed <= 1) | (up & reached.isfinite())
        anew = hit | spent
        return replace(
            state,
            level=level.clamp(1, problem.unit),
            failed=failed,
            reached=reached,
            best=torch.where(hit | up, -inf, state.best),
            looks=torch.where(anew, 0, state.looks),
            budget=torch.where(longer, self.many, torch.where(anew, self.few, state.budget)),
            done=over | (up & (state.level >= problem.unit)),
        )


def _pixels(problem: Problem, direction: Tensor, level: Tensor, over: Tensor) -> Tensor:
    """The photo moved by up to `level` [N] levels by the direction's signs. over: [N], the share
    of the looks that lies behind."""
    steps = soft_signs(direction, over).mul_(wide(level)).round_()
    return steps.add_(in_steps(problem)).clamp_(0, problem.unit).div_(problem.unit)


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
