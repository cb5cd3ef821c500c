"""turning: the nearest change, by a direction that turns and a length that Newton sets.

Ours (shared design, attack-numbers.md 9.3); a cousin of HLRF (Hasofer and Lind 1974; Rackwitz and
Fiessler 1978), which projects the photo on the boundary's tangent, and of DDN (Rony et al. 2018),
which turns by unit gradients. V is a direction, R how far the change reaches along it. Each look
at the photo plus the change gives margin and gradient g, and

    R <- min(R (1 - margin / g.change), the least R that reached)          Newton along the change
    V <- unit(V + a g/|g|),  a falls by a cosine from 2 to 0.02 (turn.py; in LINF from 1 to 0.005)

The next change is the least of its family along V that reaches R (along.py). After the last look
the family is searched on the true margin, without gradients (closing.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import inf, pi
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.turning.family import FAMILIES, Wanted, law
from pasunchat.attacks.methods.turning.line_search import (
    FLOAT_LOOKS,
    GRID_LOOKS,
    Bracket,
    is_closed,
    narrowed,
    next_scale,
    unknown,
)
from pasunchat.attacks.norms import L2, row_norms, row_sums, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Access,
    Aim,
    Answer,
    Ask,
    Effort,
    Keeps,
    S,
    ask_once,
    put,
    take,
)

VALUES = 2**18

Step = Callable[[Problem, S, Answer], S]


def few_at_a_time(step: Step[S], problem: Problem, state: S, answer: Answer) -> S:
    """The step of all rows, taken for a few of them after the others. Each row must be worked on
    by itself, as in every attack."""
    parts = [
        step(problem.rows(rows), take(state, rows), rows_of(answer, rows))
        for rows in (slice(first, last) for first, last in ranges(problem.pixels))
    ]
    return joined(parts)


def either(
    these: Tensor, step: Step[S], other: Step[S], problem: Problem, state: S, answer: Answer
) -> S:
    """One step for these rows, bool [N], and another for the others."""
    on_host = these.cpu()
    for taken, rows in ((step, on_host), (other, ~on_host)):
        if rows.all():
            return taken(problem, state, answer)
        which = torch.nonzero(rows).squeeze(1).to(these.device)
        if len(which):
            done = taken(problem.rows(which), take(state, which), rows_of(answer, which))
            state = put(state, which, done)
    return state


def ranges(pixels: Tensor) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of the rows of [N, ...] to be worked on together: on a CPU as
    many as a cache holds, elsewhere all."""
    rows = len(pixels)
    some = max(1, VALUES // max(1, pixels[0].numel())) if pixels.device.type == "cpu" else rows
    for first in range(0, rows, some):
        yield first, min(first + some, rows)


def joined(parts: Sequence[S]) -> S:
    """The parts as one state again."""
    if len(parts) == 1:
        return parts[0]
    whole = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in fields(parts[0])
    }
    changed: S = replace(parts[0], **whole)
    return changed


def rows_of(answer: Answer, rows: Tensor | slice) -> Answer:
    """The answer to some rows."""

    def some(value: Tensor | None) -> Tensor | None:
        return None if value is None else value[rows]

    return Answer(
        logits=some(answer.logits),
        margin=some(answer.margin),
        reached=answer.reached[rows],
        loss=some(answer.loss),
        gradient=some(answer.gradient),
    )


STRAIGHT, CURVED = 0.15, 0.3  # left over: the share of the margin that the first step leaves
FEW, SOME, MANY, MOST = 8, 20, 40, 100


@dataclass(frozen=True)
class TurningState:
    """direction, pixels (to be asked next): [N, 3, H, W]. scale, power, reach: of those pixels in
    their family. first: |margin| at the photo. slope: margin for each unit of reach. nearest: the
    least reach that reached. looks, budget: gradients, int64. width: of its turns (width_for). low,
    high, closings: the Bracket. All [N] but where said."""

    direction: Tensor
    pixels: Tensor
    scale: Tensor
    power: Tensor
    reach: Tensor
    first: Tensor
    slope: Tensor
    nearest: Tensor
    looks: Tensor
    budget: Tensor
    width: Tensor
    low: Tensor
    high: Tensor
    closings: Tensor
    done: Tensor


def beginning(problem: Problem, budget: int) -> TurningState:
    """Before the first look, which is at the photo."""
    none = torch.zeros_like(problem.pixels[:, 0, 0, 0])
    count = torch.zeros_like(none, dtype=torch.int64)
    bracket = unknown(none)
    return TurningState(
        direction=torch.zeros_like(problem.pixels),
        pixels=problem.pixels,
        scale=none,
        power=none + (1 if problem.levels is None else 3),
        reach=none,
        first=none,
        slope=none,
        nearest=none + inf,
        looks=count,
        budget=count + budget,
        width=none + 1,
        low=bracket.low,
        high=bracket.high,
        closings=bracket.looks,
        done=count.bool(),
    )


def planned(
    state: TurningState,
    looks: Tensor,
    margin: Tensor,
    first: Tensor,
    steps: int | None,
    effort: Effort,
    widest: float,
) -> tuple[Tensor, Tensor]:
    """The budget of gradients, int64 [N], and how many times wider and narrower than usual the row
    turns, [N]; both are set at the second look, by what is left over.

    looks: int64 [N]. margin, first: at this look and at the photo, [N]. steps: so many gradients
    instead. widest: at most so many times.
    """
    now, left_over = looks == 2, margin.abs() / first.abs()
    budget = state.budget
    if steps is None:
        budget = torch.where(now, budget_for(left_over, effort), budget)
    return budget, torch.where(now, width_for(left_over, budget, widest), state.width)


def budget_for(left_over: Tensor, effort: Effort) -> Tensor:
    """Gradients for each row, int64 [N], by the share of the margin that the first step leaves."""
    few, some, many = {
        "quick": (FEW, FEW, FEW),
        "normal": (FEW, SOME, MANY),
        "thorough": (MOST, MOST, MOST),
    }[effort]
    curved = torch.where(left_over < CURVED, some, many)
    return torch.where(left_over < STRAIGHT, few, curved)


def width_for(left_over: Tensor, budget: Tensor, widest: float) -> Tensor:
    """How many times wider a row turns at first, and narrower at last, [N]: in proportion to a
    budget above SOME, up to `widest`, where the boundary is nearly flat.

    Wide turns leave a poor place behind, and what they scatter is averaged out afterwards. Measured
    on flat networks: -0.1 % at 40 gradients, -0.2 to -0.3 % at 100. Where the boundary is curved
    they lose their way (+0.8 % at 40).
    """
    return torch.where(left_over < CURVED, (budget / SOME).clamp(1, widest), 1)


def falling_share(
    looks: Tensor, budget: Tensor, first: float, last: float, width: Tensor | float = 1
) -> Tensor:
    """The weight of the newest gradient against the direction so far, [N]: by a cosine from
    `first` at the first look, times the width, to `last`, divided by it, after the budget."""
    begin, end = first * width, last / width
    return end + (begin - end) * (1 + torch.cos(pi * (looks - 1) / budget)) / 2


def toward(direction: Tensor, gradient: Tensor, size: Tensor, share: Tensor) -> Tensor:
    """unit(direction + share [N] times the unit gradient). size: the gradient's L2, [N]."""
    weight = share / size.clamp_min(torch.finfo(size.dtype).tiny)
    return unit(torch.addcmul(direction, gradient, wide(weight)))


def newton(
    change: Tensor, reach: Tensor, gradient: Tensor, margin: Tensor, dual: Tensor, looks: Tensor
) -> tuple[Tensor, Tensor]:
    """By which share the reach [N] should grow, cut to what one gradient may say, [N]; and the
    margin's slope along the change. Uses up `change`. dual: of the gradient, [N]."""
    along = row_sums(change.mul_(gradient))
    flat = along < 1e-3 * dual * reach
    growth = torch.where(flat, -margin.sign(), -margin / along)
    most = torch.where(looks <= 3, 1.0, 0.3)
    return growth.clamp(-most / (1 + most), most), along / reach


@dataclass(frozen=True)
class Turning:
    """effort: how many gradients. quick: 8. normal: 8, 20 or 40, by how much of the margin the
    first step leaves. thorough: 100. steps: so many gradients instead. most: how far one value may
    move, in pixels' unit (2/255 = 0.00784)."""

    about: ClassVar[str] = "a direction that turns, a length by Newton; 8 bits or float (ours)"
    paper: ClassVar[str] = "ours; cousins: HLRF (Rackwitz and Fiessler 1978), DDN (1811.09600)"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "for the least L2 change, as a file or in float, at any confidence"
    cost: ClassVar[str] = "8, 20 or 40 gradients and some 7 questions"

    effort: Effort = "normal"
    steps: int | None = None
    most: float = 1.0

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps: expected 1 or more gradients, got {self.steps}")
        if not 0 < self.most <= 1:
            raise ValueError(f"most: expected above 0 and up to 1, got {self.most}")

    def start(self, problem: Problem, keys: Tensor) -> TurningState:
        return beginning(problem, self.steps or FEW)

    def ask(self, problem: Problem, state: TurningState) -> Ask:
        return ask_once(problem, state.pixels, state.looks < state.budget)

    def loss(self, problem: Problem, state: TurningState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: TurningState, answer: Answer) -> TurningState:
        return few_at_a_time(self._stepped, problem, state, answer)

    def _stepped(self, problem: Problem, state: TurningState, answer: Answer) -> TurningState:
        looking = state.looks < state.budget
        return either(looking, self._looked, self._closed, problem, state, answer)

    def _looked(self, problem: Problem, state: TurningState, answer: Answer) -> TurningState:
        """After a look with its gradient: turn, and set the length."""
        assert answer.margin is not None and answer.gradient is not None
        lead, gradient = answer.margin[:, 0], answer.gradient
        begun, looks = state.looks > 0, state.looks + 1
        first = torch.where(begun, state.first, lead.abs())
        family, steps = FAMILIES[problem.norm.name], self.steps
        budget, width = planned(state, looks, lead, first, steps, self.effort, family.widest)
        nearer = begun & answer.reached[:, 0] & (state.reach < state.nearest)
        nearest = torch.where(nearer, state.reach, state.nearest)
        size = row_norms(gradient)
        dual = size if problem.norm is L2 else problem.norm.dual(gradient)
        change = state.pixels - problem.pixels
        growth, slope = newton(change, state.reach, gradient, lead, dual, looks)
        target = torch.where(begun, state.reach * (1 + growth), -lead / dual)
        target = torch.minimum(target, nearest)
        guess = torch.where(begun, state.scale * target / state.reach, target * problem.unit)
        share = falling_share(looks, budget, family.first, family.last, width)
        turned = toward(state.direction, gradient, size, torch.where(begun, share, 1))
        wanted = Wanted(target, guess, state.power, looks / budget)
        found = family.reaching(problem, turned, wanted, self.most)
        bracket = unknown(-first)
        return replace(
            state,
            direction=turned,
            **found._asdict(),
            first=first,
            slope=torch.where(begun, slope, dual),
            nearest=nearest,
            looks=looks,
            budget=budget,
            width=width,
            low=bracket.low,
            high=bracket.high,
            done=state.done | (~begun & (dual == 0)) | ~target.isfinite(),
        )

    def _closed(self, problem: Problem, state: TurningState, answer: Answer) -> TurningState:
        """After a look without gradient: narrow the bracket on the family of the last direction. A
        row that has never reached when it is closed is given 40 gradients, once."""
        assert answer.margin is not None
        lead, reach, scale = answer.margin[:, 0], state.reach, state.scale
        bracket = Bracket(state.low, state.high, state.closings)
        bracket = narrowed(bracket, reach, scale, lead, answer.reached[:, 0])
        next_ = next_scale(bracket, reach, scale, lead, state.slope, state.power)
        pixels, got = FAMILIES[problem.norm.name].at(problem, state.direction, next_, self.most)
        looks = FLOAT_LOOKS if problem.levels is None else GRID_LOOKS
        over = is_closed(bracket, got, looks)
        again = over & bracket.stands & state.nearest.isinf() & (state.budget < MANY)
        return replace(
            state,
            pixels=pixels,
            scale=next_,
            power=law(scale, reach, next_, got, state.power),
            reach=got,
            budget=torch.where(again, MANY, state.budget),
            low=bracket.low,
            high=bracket.high,
            closings=torch.where(again, 0, bracket.looks),
            done=state.done | (over & ~again),
        )
