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

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.along import FAMILIES, Wanted, law
from pasunchat.attacks.methods.cached import either, few_at_a_time
from pasunchat.attacks.methods.closing import (
    FLOAT_LOOKS,
    GRID_LOOKS,
    Bracket,
    is_closed,
    narrowed,
    next_scale,
    unknown,
)
from pasunchat.attacks.methods.turn import (
    FEW,
    MANY,
    TurningState,
    beginning,
    falling_share,
    newton,
    planned,
    toward,
)
from pasunchat.attacks.norms import L2, row_norms
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Effort, Keeps, ask_once


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
