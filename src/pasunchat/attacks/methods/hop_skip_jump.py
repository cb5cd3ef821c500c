"""HopSkipJump: along the boundary by asking for labels only.

Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: a query-efficient decision-based attack",
arXiv:1904.02144, algorithm 2. From any pixels that reach, in rounds t = 1, 2, ...

    close: halve in on the boundary between the photo and the pixels that reach
    look:  v = mean of (reached_b - mean reached) u_b over B = 100 sqrt(t) random directions u_b
    hop:   from the boundary distance / sqrt(t) along v, halved until it reaches

Where the paper differs: what must be known of the boundary is a share of at least 1e-5 of the
distance (the paper's d^-3/2 is lost in the rounding of float32 on large photos), and the first
pixels are noise of four coarsenesses, not of one.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.methods.hop_phases import closed, found, hopped, turned
from pasunchat.attacks.methods.hop_queries import (
    AT_ONCE,
    CLOSE,
    FIND,
    HOP,
    LOOK,
    HopSkipJumpState,
    delta_of,
    next_queries,
)
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, put, refuse_below_one, take


@dataclass(frozen=True)
class HopSkipJump:
    """queries: at most, for each photo. directions: of the first round."""

    about: ClassVar[str] = "along the boundary, asking for labels only"
    paper: ClassVar[str] = "HopSkipJump: Chen et al. 2020, arXiv:1904.02144"
    needs: ClassVar[Access] = "labels"
    norms: ClassVar[tuple[str, ...]] = ("l2", "linf")
    aims: ClassVar[tuple[Aim, ...]] = ("nearest", "within")
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "the least change, where only the class is told"
    cost: ClassVar[str] = "5,000 questions"

    queries: int = 5000
    directions: int = 100

    def __post_init__(self) -> None:
        refuse_below_one(self, "queries", "directions")

    def start(self, problem: Problem, keys: Tensor) -> HopSkipJumpState:
        photo, none = problem.pixels, problem.pixels.new_zeros(len(keys))
        count = none.long()
        state = HopSkipJumpState(
            asked=photo[:, None].repeat(1, AT_ONCE, 1, 1, 1),
            far=photo,
            near=photo,
            ups=torch.zeros_like(photo),
            every=torch.zeros_like(photo),
            phase=count + FIND,
            low=none,
            high=none + 1,
            hits=none,
            looks=none,
            round=none + 1,
            tries=count,
            queries=count,
            keys=keys.to(count.device),
            done=count.bool(),
        )
        return replace(state, asked=next_queries(problem, state))

    def ask(self, problem: Problem, state: HopSkipJumpState) -> Ask:
        return Ask(state.asked, torch.zeros_like(state.done))

    def loss(self, problem: Problem, state: HopSkipJumpState, logits: Tensor) -> Tensor:
        raise NotImplementedError("HopSkipJump asks for no gradient")

    def step(self, problem: Problem, state: HopSkipJumpState, answer: Answer) -> HopSkipJumpState:
        before = state.phase
        state = replace(
            state, queries=state.queries + AT_ONCE, tries=state.tries + 1, keys=state.keys + AT_ONCE
        )
        for phase, follow in (
            (FIND, found),
            (CLOSE, closed),
            (LOOK, self._looked),
            (HOP, hopped),
        ):
            rows = torch.nonzero(before == phase).squeeze(1)
            if len(rows):
                part = follow(problem.rows(rows), take(state, rows), answer.reached[rows])
                state = put(state, rows, part)
        state = replace(state, done=state.done | (state.queries >= self.queries))
        return replace(state, asked=next_queries(problem, state))

    def _looked(
        self, problem: Problem, state: HopSkipJumpState, reached: Tensor
    ) -> HopSkipJumpState:
        """More directions; when there are enough of them, hop."""
        way = (state.asked - state.near[:, None]) / delta_of(problem, state)[
            :, None, None, None, None
        ]
        hits = reached[:, :, None, None, None].to(way.dtype)
        state = replace(
            state,
            ups=state.ups + (way * hits).sum(1),
            every=state.every + way.sum(1),
            hits=state.hits + reached.sum(1),
            looks=state.looks + AT_ONCE,
        )
        enough = state.looks >= self.directions * state.round.sqrt()
        return turned(state, enough, HOP)
