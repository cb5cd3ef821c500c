"""turning: the least L2 change, along a direction that turns, of a length set by Newton's method.

Ours. Kin: DDN (Rony et al. 2019, arXiv:1811.09600), which adds unit gradients to the change itself,
and HLRF (Hasofer and Lind 1974; Rackwitz and Fiessler 1978), which goes to the nearest point of the
boundary's tangent plane. V is a unit direction, c the least change whose length along it, V.c, is L
(family.py); m is the margin at the photo plus c, above 0 where the goal is reached, g its gradient:

    V = g/|g|,  L = -m/|g|                              at the photo; then, at each gradient,
    L <- min(L (1 - m/g.c), the least L that reached)   Newton's method for m = 0 along c
    V <- unit(V + a g/|g|)                              a falls by a cosine from 2 to 0.02
    c <- the least change with V.c = L                  on the grid of 8 bits, or in float

Where Newton's method asks for more than the most that a length may grow by, and nothing has reached
yet, L grows only as far as the tangent plane is: V is what is wrong, and turns.
There are 8, 20 or 40 gradients, by how much of the margin the first step leaves. Then V stays, and
the L at which m = 0 is found by a line search, from margins alone. In a long search, of more than
40 gradients, a falls from 32 to 0.005, each time by the same factor, and V goes on turning by 0.7
of its last turn. Where DDN goes 5 % farther or back, here the length follows from the margin. In
LINF, where least-levels uses it, c = L sign(V), and a short search's a falls from 1 to 0.005. The
derivation is in docs/methods.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, pi
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.methods.common import turned
from pasunchat.attacks.methods.turning.family import (
    FAMILIES,
    SHARP,
    Family,
    Sought,
    power_between,
    scale_for,
    sharpness_at,
)
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Effort,
    Query,
    put,
    query_one,
    refuse_below_one,
    take,
)
from pasunchat.norms import batch_view, normalize, row_sums

# Gradients of a row, by the share of the margin that its first step leaves: up to 15 % (the
# boundary is nearly a plane), up to 30 %, and more (it is curved).
GRADIENTS: Mapping[Effort, tuple[int, int, int]] = {
    "quick": (8, 8, 8),
    "normal": (8, 20, 40),
    "thorough": (100, 100, 100),
}
# Toward the nearest of many classes, as it came out of a quick search of each: a long search, for
# the 0.3 to 0.5 % that are still to be gained.
GRADIENTS_TOWARD: Mapping[Effort, tuple[int, int, int]] = {**GRADIENTS, "normal": (60, 60, 60)}
PLANE, CURVED = 0.15, 0.3
FIRST_GRADIENTS = 8  # until the first step has shown which of them it will be
MORE_GRADIENTS = 40  # for a row that has not reached by then; once
MOST_USUAL = 40  # gradients; a search with more is a long one
LONG_FIRST, LONG_LAST = 32.0, 0.005  # weights of a long search at its first and last gradient
MOMENTUM = 0.7  # of a long search: the share of its last turn that the direction goes on turning
# A length grows by all of itself at most, or shrinks to a half; after the third gradient it grows
# by 0.3, or shrinks to 1/1.3.
FIRST_GROWTH, GROWTH, FREE_GRADIENTS = 1.0, 0.3, 3
HELD_GROWTH = 0.05  # from the length that came closest, where one came no closer; as in DDN
FLAT = 1e-3  # of the steepest slope: along a flatter change Newton's method says nothing
FLOAT_POWER, GRID_POWER = 1.0, 3.0  # first guesses of length ~ scale^power
# Of the line search.
FLOAT_QUERIES, GRID_QUERIES = 6, 8  # of a search, where it reaches
FRUITLESS_QUERIES = 12  # after which a search that has not reached is given up
DOUBLINGS = 24  # of a change that nothing else has brought across: such a row never fails unseen
NARROW = 1e-4  # of the length: a bracket this narrow is closed
OVERSHOOT = 1.5  # of a Newton step
SHARE = 0.1  # of the bracket: how far the secant is kept off its ends


@dataclass(frozen=True)
class TurningState:
    """Where each row's search is."""

    direction: Tensor  # [N, 3, H, W]: V, of L2 1; 0 before the first gradient
    pixels: Tensor  # [N, 3, H, W]: what to query next
    scale: Tensor  # [N]: of those pixels in their family (family.py)
    power: Tensor  # [N]: length ~ scale^power near them
    length: Tensor  # [N]: L, of those pixels along the direction
    first_margin: Tensor  # [N]: |margin| at the photo
    slope: Tensor  # [N]: how much the margin grows with the length
    nearest: Tensor  # [N]: the least length that reached; infinite before one has
    closest: Tensor  # [N]: the largest margin of a change, until one has reached
    closest_length: Tensor  # [N]: its length, or what has grown from it
    gradients: Tensor  # int64 [N]: so far
    budget: Tensor  # int64 [N]: how many gradients there are
    turn: Tensor  # [N, 3, H, W]: by what V has just changed
    low: Tensor  # [N, 3]: of the line search's Bracket
    high: Tensor  # [N, 3]: likewise
    closing_queries: Tensor  # int64 [N]: queries of the line search so far
    done: Tensor  # bool [N]


def gradient_budget(left: Tensor, by_share: tuple[int, int, int]) -> Tensor:
    """Gradients of each row, int64 [N]. left: [N], the share of the margin at the photo that the
    first step leaves."""
    plane, bent, curved = by_share
    return torch.where(left < PLANE, plane, torch.where(left < CURVED, bent, curved))


def gradient_weight(gradients: Tensor, budget: Tensor, first: float, last: float) -> Tensor:
    """The weight a of the newest unit gradient against the direction, [N]: by a cosine from `first`
    at the first gradient to `last` after the budget."""
    return last + (first - last) * (1 + torch.cos(pi * (gradients - 1) / budget)) / 2


def long_weight(gradients: Tensor, budget: Tensor) -> Tensor:
    """The same of a long search, [N], in every norm: by the same factor from each gradient to the
    next, so that as many try other places as settle in one."""
    return LONG_FIRST * (LONG_LAST / LONG_FIRST) ** ((gradients - 1) / budget)


def sharpness_of(gradients: Tensor, budget: Tensor) -> Tensor:
    """How sharp the soft signs of LINF are, [N]. In the end of a long search one more gradient,
    whose weight is LONG_LAST then, could just turn a value from one side to rest."""
    last = torch.where(budget > MOST_USUAL, 1 / LONG_LAST, SHARP)
    return sharpness_at(gradients / budget, last)


def newton_growth(along: Tensor, margin: Tensor, flat: Tensor, gradients: Tensor) -> Tensor:
    """By which share of itself the length should grow, [N], so that the margin becomes 0.

    along: [N], g.c, what the gradient says of the whole change. flat: bool [N], where that says
    nothing, and only the margin's sign counts. gradients: int64 [N], so far.
    """
    growth, most = torch.where(flat, -margin.sign(), -margin / along), most_growth(gradients)
    return growth.clamp(-most / (1 + most), most)


def most_growth(gradients: Tensor) -> Tensor:
    """By which share of itself a length may grow at the next gradient, [N]."""
    return torch.where(gradients <= FREE_GRADIENTS, FIRST_GROWTH, GROWTH)


@dataclass(frozen=True)
class Bracket:
    """What the line search knows along one direction. An end is length, scale and margin.

    The margin is below 0 at the photo and above 0 farther out. Each query narrows the bracket
    between the longest change that did not reach and the shortest that did: while an end is unknown
    by a Newton step, 1.5 times as long as the slope says, so that it lands on the other side; then
    by the secant (regula falsi), kept off both ends by a tenth.
    """

    low: Tensor  # [N, 3]: the longest change that did not reach; at first the photo, of length 0
    high: Tensor  # [N, 3]: the shortest that reached; infinite before one has
    queries: Tensor  # int64 [N]: so far

    @property
    def is_open(self) -> Tensor:
        """bool [N]: nothing along this direction has reached yet."""
        return self.high[:, 0].isinf()


def whole_line(margin: Tensor) -> Bracket:
    """Before the first query: the photo does not reach, by a margin [N] below 0."""
    zero = torch.zeros_like(margin)
    low = torch.stack([zero, zero, margin], 1)
    return Bracket(low, torch.full_like(low, inf), zero.long())


def narrowed(
    bracket: Bracket, length: Tensor, scale: Tensor, margin: Tensor, reached: Tensor
) -> Bracket:
    """The bracket after one query, of which each argument is [N]."""
    here, high = torch.stack([length, scale, margin], 1), reached[:, None]
    return Bracket(
        low=torch.where(high, bracket.low, here),
        high=torch.where(high, here, bracket.high),
        queries=bracket.queries + 1,
    )


def next_scale(
    bracket: Bracket, length: Tensor, scale: Tensor, margin: Tensor, slope: Tensor, power: Tensor
) -> Tensor:
    """The scale to query next, [N], after a query at this length and scale with this margin.

    slope: [N], how much the margin grows with the length. power: [N], of length ~ scale^power.
    """
    low_length, low_scale, low_margin = bracket.low.unbind(1)
    _, high_scale, high_margin = bracket.high.unbind(1)
    newton = length - OVERSHOOT * margin / slope.clamp_min(torch.finfo(margin.dtype).tiny)
    longer = newton.clamp(min=1.01 * length, max=2 * length)
    shorter = newton.clamp(min=0.5 * length, max=0.99 * length)
    desired = torch.where(bracket.is_open, longer, shorter)
    outside = scale_for(desired, scale, length, power)
    secant = (low_margin / (low_margin - high_margin)).clamp(SHARE, 1 - SHARE)
    inside = low_scale + secant * (high_scale - low_scale)
    return torch.where(bracket.is_open | (low_length == 0), outside, inside)


def is_closed(bracket: Bracket, next_length: Tensor, queries: int) -> Tensor:
    """Whether the search is over, bool [N]: the bracket is narrow, its queries are used, or the
    next one, of `next_length` [N], would repeat an end."""
    low, high = bracket.low[:, 0], bracket.high[:, 0]
    repeated = (next_length == low) | (next_length == high)
    narrow = (high - low < NARROW * high) | (bracket.queries >= queries)
    given_up = bracket.queries >= FRUITLESS_QUERIES
    return repeated | torch.where(bracket.is_open, given_up, narrow)


@dataclass(frozen=True)
class Turning:
    """A direction that turns, a length by Newton's method, then a line search."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="a direction that turns, a length by Newton's method; 8 bits or float (ours)",
        paper="ours; kin: HLRF (Rackwitz and Fiessler 1978), DDN (arXiv:1811.09600)",
        norms=("l2",),
        when="for the least L2 change, as a file or in float, at any confidence",
        cost="8, 20 or 40 gradients and some 7 queries; from three classes on some 100 and 25",
        by_class=True,
    )
    steps: ClassVar[int | None] = None  # a row ends when its line search does

    # quick: 8 gradients. normal: 8, 20 or 40, by how much of the margin the first step leaves.
    # thorough: 100.
    effort: Effort = "normal"
    gradients: int | None = None  # number of gradients instead of the effort's
    most: float = 1.0  # how far one value may move, in (0, 1]; 2/255 is two levels

    def __post_init__(self) -> None:
        if self.gradients is not None:
            refuse_below_one(self, "gradients")
        if not 0 < self.most <= 1:
            raise ValueError(f"most: expected above 0 and up to 1, got {self.most}")

    def start(self, problem: Problem, keys: Tensor) -> TurningState:
        zero = problem.pixels.new_zeros(len(problem.pixels))
        count = zero.long()
        line = whole_line(zero)
        return TurningState(
            direction=torch.zeros_like(problem.pixels),
            pixels=problem.pixels,
            scale=zero,
            power=zero + (FLOAT_POWER if problem.levels is None else GRID_POWER),
            length=zero,
            first_margin=zero,
            slope=zero,
            nearest=zero + inf,
            closest=zero - inf,
            closest_length=zero,
            gradients=count,
            budget=count + (self.gradients or FIRST_GRADIENTS),
            turn=torch.zeros_like(problem.pixels),
            low=line.low,
            high=line.high,
            closing_queries=line.queries,
            done=count.bool(),
        )

    def ask(self, problem: Problem, state: TurningState, step: int) -> Query:
        return query_one(problem, state.pixels, state.gradients < state.budget)

    def loss(self, problem: Problem, state: TurningState, logits: Tensor) -> Tensor:
        return problem.goal.margin(logits)

    def step(
        self, problem: Problem, state: TurningState, answer: Answer, step: int
    ) -> TurningState:
        """A step by gradient for rows that have gradients left, of the line search for others."""
        assert answer.margin is not None
        margin, reached, gradient = answer.margin[:, 0], answer.reached[:, 0], answer.gradient
        has_left = state.gradients < state.budget
        if gradient is None or not has_left.any():
            return self._line_search_step(problem, state, margin, reached)
        if has_left.all():
            return self._gradient_step(problem, state, margin, reached, gradient)
        some, others = (torch.nonzero(rows).squeeze(1) for rows in (has_left, ~has_left))
        by_gradient = self._gradient_step(
            problem.rows(some), take(state, some), margin[some], reached[some], gradient[some]
        )
        by_line_search = self._line_search_step(
            problem.rows(others), take(state, others), margin[others], reached[others]
        )
        return put(put(state, some, by_gradient), others, by_line_search)

    def _gradient_step(
        self,
        problem: Problem,
        state: TurningState,
        margin: Tensor,
        reached: Tensor,
        gradient: Tensor,
    ) -> TurningState:
        """Turn the direction, and set the length."""
        family, begins = FAMILIES[problem.norm.name], state.gradients == 0
        state = self._scheduled(problem, state, margin)
        # the length, by Newton's method along the change
        nearer = ~begins & reached & (state.length < state.nearest)
        nearest = torch.where(nearer, state.length, state.nearest)
        steepest = problem.norm.dual(gradient)
        along = row_sums((state.pixels - problem.pixels).mul_(gradient))
        flat = along < FLAT * steepest * state.length
        growth = newton_growth(along, margin, flat, state.gradients)
        length = torch.where(begins, -margin / steepest, state.length * (1 + growth))
        closer = margin > state.closest
        held = torch.where(closer, state.length, (1 + HELD_GROWTH) * state.closest_length)
        runs = ~begins & nearest.isinf() & (growth >= most_growth(state.gradients))
        to_plane = torch.where(closer, (along - margin) / steepest, held)
        length = torch.where(runs, length.minimum(to_plane.maximum(held)), length)
        length = torch.minimum(length, nearest)
        grown = state.scale * length / state.length
        scale = torch.where(begins, length * problem.max_level, grown)
        # the direction, and the change of that length along it
        direction = self._turned(family, state, gradient)
        sought = Sought(length, scale, state.power, sharpness_of(state.gradients, state.budget))
        point = family.of_length(problem, direction, sought, self.most)
        line = whole_line(-state.first_margin)
        return replace(
            state,
            direction=direction,
            turn=direction - state.direction,
            pixels=point.pixels,
            scale=point.scale,
            power=point.power,
            length=point.length,
            slope=torch.where(begins, steepest, along / state.length),
            nearest=nearest,
            closest=torch.where(begins, state.closest, state.closest.maximum(margin)),
            closest_length=held,
            low=line.low,
            high=line.high,
            done=state.done | (begins & (steepest == 0)) | ~length.isfinite(),
        )

    def _turned(self, family: Family, state: TurningState, gradient: Tensor) -> Tensor:
        """The next direction. In a long search it goes on turning as it has just turned."""
        taken, budget = state.gradients, state.budget
        weight = gradient_weight(taken, budget, family.first_weight, family.last_weight)
        is_long = budget > MOST_USUAL
        if is_long.any():
            weight = torch.where(is_long, long_weight(taken, budget), weight)
        direction = turned(state.direction, gradient, torch.where(taken == 1, 1, weight))
        going_on = is_long & (taken > 2)
        if not going_on.any():
            return direction
        further = normalize(direction + MOMENTUM * state.turn)
        return torch.where(batch_view(going_on), further, direction)

    def _scheduled(self, problem: Problem, state: TurningState, margin: Tensor) -> TurningState:
        """Count the gradient. At the second one, how much of the margin the first step has left
        decides how many there are."""
        first_margin = torch.where(state.gradients == 0, margin.abs(), state.first_margin)
        second, left = state.gradients == 1, margin.abs() / first_margin
        budget = state.budget
        if self.gradients is None:
            budgets = GRADIENTS if problem.goal.toward is None else GRADIENTS_TOWARD
            budget = torch.where(second, gradient_budget(left, budgets[self.effort]), budget)
        return replace(
            state,
            first_margin=first_margin,
            gradients=state.gradients + 1,
            budget=budget,
        )

    def _line_search_step(
        self, problem: Problem, state: TurningState, margin: Tensor, reached: Tensor
    ) -> TurningState:
        """Narrow the bracket along the last direction. A row that has never reached when it is
        closed is given more gradients, once; then its change is doubled until it reaches."""
        bracket = Bracket(state.low, state.high, state.closing_queries)
        found_late = reached & bracket.is_open & (bracket.queries >= FRUITLESS_QUERIES)
        bracket = narrowed(bracket, state.length, state.scale, margin, reached)
        bracket = replace(bracket, queries=torch.where(found_late, 0, bracket.queries))
        scale = next_scale(bracket, state.length, state.scale, margin, state.slope, state.power)
        family = FAMILIES[problem.norm.name]
        pixels, length = family.at(problem, state.direction, scale, self.most)
        queries = FLOAT_QUERIES if problem.levels is None else GRID_QUERIES
        closed = is_closed(bracket, length, queries)
        fruitless = closed & bracket.is_open & state.nearest.isinf()
        more = fruitless & (state.budget < MORE_GRADIENTS)
        doubled = fruitless & ~more & (bracket.queries < FRUITLESS_QUERIES + DOUBLINGS)
        if doubled.any():
            scale = torch.where(doubled, 2 * state.scale, scale)
            pixels, length = family.at(problem, state.direction, scale, self.most)
        power = power_between(state.scale, state.length, scale, length, state.power)
        spent = torch.where(doubled, bracket.queries.clamp_min(FRUITLESS_QUERIES), bracket.queries)
        return replace(
            state,
            pixels=pixels,
            scale=scale,
            power=power,
            length=length,
            budget=torch.where(more, MORE_GRADIENTS, state.budget),
            low=bracket.low,
            high=bracket.high,
            closing_queries=torch.where(more, 0, spent),
            done=state.done | (closed & ~more & ~doubled),
        )
