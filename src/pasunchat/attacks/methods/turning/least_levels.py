"""least-levels: the least LINF change on a grid, and of all changes as small the least in L2.

Ours. On a grid of 8 bits the LINF distance is a whole number k of levels, so many pictures share
it. With V a unit direction, m the margin (above 0 where the goal is reached) and g its gradient:

    1.  c = round(k softsign(V)),  V <- unit(V + a g/|g|)     a falls by a cosine from 1 to 0.005
        reached: on to k - 1; after 8 gradients without reaching (32 where m has come close): up, to
        the k at which the gain per level would do; until k reaches and k - 1 has been given up
    2.  turning (turning.py) in L2, with no value moved by more than those k levels

where k begins as -m over the L1 length of g, the level at which a linear network would reach, and
softsign is the sign, but for small values a share of it (family.py). Without a grid: turning in
LINF.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.methods.common import turned
from pasunchat.attacks.methods.turning.family import FAMILIES, sharpness_at, soft_signs
from pasunchat.attacks.methods.turning.turning import Turning, gradient_weight
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Effort, Query
from pasunchat.attacks.search import SearchResult, SearchTask, search
from pasunchat.norms import L2, LINF, batch_view, row_norms
from pasunchat.progress import silent

WITHIN_SIGHT = 0.15  # of the margin at the photo: what more gradients may still gain
MOST_RISE = 4  # a level is followed by at most four times as many


@dataclass(frozen=True)
class ByLevelState:
    """Where each row's search is."""

    direction: Tensor  # [N, 3, H, W]: V, of L2 1; 0 before the first gradient
    pixels: Tensor  # [N, 3, H, W]: what to query next, on the grid
    level: Tensor  # [N]: k, by how many levels those pixels differ from the photo; 0 at the photo
    failed: Tensor  # [N]: the largest level given up
    reached: Tensor  # [N]: the smallest level that reached; infinite before one has
    first_margin: Tensor  # [N]: |margin| at the photo
    best_margin: Tensor  # [N]: the largest at this level; minus infinity before its first
    gradients: Tensor  # [N]: at this level
    budget: Tensor  # [N]: how many gradients this level may have
    done: Tensor  # bool [N]


@dataclass(frozen=True)
class ByLevel:
    """The fewest levels that reach: part 1 of least-levels."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="all values by one level, then two ..., along a direction that turns (ours)",
        paper="ours",
        norms=(LINF.name,),
        when="as the first part of least-levels",
        cost="1 to 40 gradients at each level",
    )
    steps: ClassVar[int | None] = None  # a row ends when no level is left to try

    few: int = 8  # gradients at each level
    many: int = 32  # gradients more where less than 15 % of the margin is left
    # begin at the radius, if there is one, not at the level at which a linear network would reach
    at_radius: bool = False

    def start(self, problem: Problem, keys: Tensor) -> ByLevelState:
        zero = problem.pixels.new_zeros(len(problem.pixels))
        return ByLevelState(
            direction=torch.zeros_like(problem.pixels),
            pixels=problem.pixels,
            level=zero,
            failed=zero,
            reached=zero + inf,
            first_margin=zero,
            best_margin=zero - inf,
            gradients=zero,
            budget=zero + self.few,
            done=zero.bool(),
        )

    def ask(self, problem: Problem, state: ByLevelState, step: int) -> Query:
        return Query(state.pixels[:, None], on_grid=True)

    def loss(self, problem: Problem, state: ByLevelState, logits: Tensor) -> Tensor:
        return problem.goal.margin(logits)

    def step(
        self, problem: Problem, state: ByLevelState, answer: Answer, step: int
    ) -> ByLevelState:
        assert answer.margin is not None and answer.gradient is not None
        margin, gradient = answer.margin[:, 0], answer.gradient
        steepest = problem.norm.dual(gradient)
        if step == 0:
            state = self._first_level(problem, state, margin, steepest)
        else:
            state = self._next_level(problem, state, margin, answer.reached[:, 0])
        family, taken = FAMILIES[LINF.name], state.gradients
        weight = gradient_weight(taken + 1, state.budget, family.first_weight, family.last_weight)
        direction = turned(state.direction, gradient, weight)
        return replace(
            state,
            direction=direction,
            pixels=_by_signs(problem, direction, state.level, taken / state.budget),
            gradients=taken + 1,
            done=state.done | (steepest == 0),
        )

    def _first_level(
        self, problem: Problem, state: ByLevelState, margin: Tensor, steepest: Tensor
    ) -> ByLevelState:
        """The level at which a linear network would reach. steepest: [N], how much its margin would
        grow with the LINF distance."""
        level = (-margin * problem.max_level / steepest).floor().clamp(min=1)
        if self.at_radius and problem.radius is not None:
            level = torch.full_like(level, inf)
        level = level.minimum(_most_levels(problem))
        return replace(state, level=level, first_margin=margin.abs())

    def _next_level(
        self, problem: Problem, state: ByLevelState, margin: Tensor, reached: Tensor
    ) -> ByLevelState:
        """Down where a level has reached, on with it, or up where it is given up; done where no
        level is left. A new level begins without gradients."""
        best_margin = torch.maximum(state.best_margin, margin)
        spent = ~reached & (state.gradients >= state.budget)
        left = (-best_margin / state.first_margin).clamp(0, 1)
        longer = spent & (left < WITHIN_SIGHT) & (state.budget < self.many)
        up = spent & ~longer
        failed = torch.where(up, torch.maximum(state.failed, state.level), state.failed)
        least = torch.where(reached, torch.minimum(state.reached, state.level), state.reached)
        needed = (state.level / (1 - left)).floor()
        higher = torch.minimum(torch.maximum(needed, state.level + 1), MOST_RISE * state.level)
        level = torch.where(reached, state.level - 1, torch.where(up, higher, state.level))
        most = _most_levels(problem)
        decided = (least - failed <= 1) | (up & least.isfinite())
        budget = torch.where(reached | spent, self.few, state.budget)
        return replace(
            state,
            level=level.clamp(min=1).minimum(most),
            failed=failed,
            reached=least,
            best_margin=torch.where(reached | up, -inf, best_margin),
            gradients=torch.where(reached | spent, 0, state.gradients),
            budget=torch.where(longer, self.many, budget),
            done=state.done | decided | (up & (state.level >= most)),
        )


def _most_levels(problem: Problem) -> Tensor:
    """The largest level to search, [N]: all, or those inside the radius; at least 1."""
    if problem.radius is None:
        return problem.pixels.new_full((len(problem.pixels),), problem.max_level)
    return (problem.usable_radius() * problem.max_level).round().clamp(1, problem.max_level)


def _by_signs(problem: Problem, direction: Tensor, level: Tensor, progress: Tensor) -> Tensor:
    """The photo moved by up to `level` [N] levels along the direction's signs. progress: [N], the
    share of the level's gradients that is used."""
    levels = soft_signs(direction, sharpness_at(progress)).mul_(batch_view(level)).round_()
    levels = levels.add_(problem.photo_levels()).clamp_(0, problem.max_level)
    return levels.div_(problem.max_level)


BY_LEVEL: Mapping[Effort, ByLevel] = {
    "quick": ByLevel(many=8),
    "normal": ByLevel(),
    "thorough": ByLevel(many=64),
}
L2_EFFORT: Mapping[Effort, Effort] = {"quick": "quick", "normal": "quick", "thorough": "normal"}


@dataclass(frozen=True)
class LeastLevels:
    """The fewest levels, then the least L2 within them."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="the fewest levels, then the least L2 within them (ours)",
        paper="ours; see turning",
        norms=(LINF.name,),
        when="for the least LINF change, as a file or in float",
        cost="some 12 gradients and 8 queries; up to 40 gradients for rows that are undecided",
        by_class=True,
    )

    # Gradients at each level: quick 8, normal 8 or 32, thorough 8 or 64; and of turning afterwards:
    # 8, 8, and 8 to 40.
    effort: Effort = "normal"

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        problem = task.problem
        if problem.levels is None:
            return search(Turning(self.effort), task)
        result = search(BY_LEVEL[self.effort], replace(task, progress=silent))
        # The second search is kept inside the radius, which is one of LINF, by the levels found.
        in_l2 = replace(task, problem=replace(problem, norm=L2, radius=None), progress=silent)
        levels = (result.distance[task.rows] * problem.max_level).round().cpu()
        ended = int(levels.isinf().sum())
        for level in sorted(set(levels[levels.isfinite()].tolist())):
            rows = task.rows[levels == level]
            turning = Turning(L2_EFFORT[self.effort], most=level / problem.max_level)
            _take_smaller(problem, result, search(turning, replace(in_l2, rows=rows)), rows)
            ended += len(rows)
            task.progress(ended, len(task.rows))
        return result


def _take_smaller(
    problem: Problem, result: SearchResult, in_l2: SearchResult, rows: Tensor
) -> None:
    """Add the cost of the search in L2, and take what it reached with less L2."""
    result.forwards[rows] += in_l2.forwards[rows]
    result.backwards[rows] += in_l2.backwards[rows]
    size = row_norms(result.pixels[rows] - problem.pixels[rows])
    taken = rows[(in_l2.distance[rows] < size).to(rows.device)]
    result.pixels[taken] = in_l2.pixels[taken]
    result.distance[taken] = problem.rows(taken).distance(in_l2.pixels[taken])
