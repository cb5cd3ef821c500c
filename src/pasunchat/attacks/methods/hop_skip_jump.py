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
from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pasunchat.attacks.norms import L2, LINF, row_norms, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, put, refuse_below_one, take

FIND, CLOSE, LOOK, HOP = range(4)
AT_ONCE = 4
FIRST_DELTA, FINEST = 0.1, 1e-5
CELLS = (1, 4, 16, 64)  # a side of the first noises


@dataclass(frozen=True)
class HopSkipJumpState:
    """asked: what is asked next, [N, 4, 3, H, W]. far: pixels that reach, where the bracket ends;
    near: pixels that reach beside the boundary; ups: sum of the directions that reached; every:
    sum of all; each [N, 3, H, W]. phase. low, high: shares of the way to `far`. hits:
    directions that reached; looks: directions so far. round; tries: within a phase; queries;
    keys; done. All [N] but where said."""

    asked: Tensor
    far: Tensor
    near: Tensor
    ups: Tensor
    every: Tensor
    phase: Tensor
    low: Tensor
    high: Tensor
    hits: Tensor
    looks: Tensor
    round: Tensor
    tries: Tensor
    queries: Tensor
    keys: Tensor
    done: Tensor


def next_queries(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """The next queries of each row, [N, 4, 3, H, W]."""
    asked = torch.empty_like(state.asked)
    for phase, queries in ((FIND, _noises), (CLOSE, _bracket), (LOOK, _around), (HOP, _hops)):
        rows = torch.nonzero(state.phase == phase).squeeze(1)
        if len(rows):
            asked[rows] = queries(problem.rows(rows), take(state, rows))
    if problem.mask is None:
        return asked
    return torch.where(problem.mask[:, None], asked, problem.pixels[:, None])


def _noises(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """Uniform noise of four coarsenesses."""
    size = problem.pixels.shape[2:]
    rows = []
    for key in state.keys.tolist():
        generator = torch.Generator().manual_seed(key)
        drawn = [torch.rand(1, 3, cells, cells, generator=generator) for cells in CELLS]
        rows.append(torch.cat([interpolate(noise, size) for noise in drawn]))
    return torch.stack(rows).to(problem.pixels)


def _bracket(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """Four places inside the bracket."""
    width = (state.high - state.low) / (AT_ONCE + 1)
    shares = [state.low + place * width for place in range(1, AT_ONCE + 1)]
    return torch.stack([between(problem, state.far, share) for share in shares], 1)


def _around(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """Near the boundary, in random directions."""
    draw = torch.randn if problem.norm is L2 else torch.rand
    shape = (AT_ONCE, *problem.pixels.shape[1:])
    delta, rows = delta_of(problem, state), []
    for number, key in enumerate(state.keys.tolist()):
        way = draw(shape, generator=torch.Generator().manual_seed(key)).to(problem.pixels)
        way = unit(way if problem.norm is L2 else way * 2 - 1)
        rows.append((state.near[number] + delta[number] * way).clamp_(0, 1))
    return torch.stack(rows)


def _hops(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """From the boundary along the estimated direction, each half as far as the one before."""
    share = state.hits / state.looks
    same = (share == 0) | (share == 1)
    way = torch.where(
        wide(same),
        state.every * wide(2 * share - 1),
        2 * (state.ups - wide(share) * state.every),
    )
    way = way.sign() if problem.norm is LINF else unit(way)
    length = problem.distance(state.near) / state.round.sqrt() / 2 ** (state.tries * AT_ONCE)
    hops = [state.near + wide(length / 2**number) * way for number in range(AT_ONCE)]
    return torch.stack(hops, 1).clamp_(0, 1)


def between(problem: Problem, far: Tensor, share: Tensor) -> Tensor:
    """A share [N] of the way from the photo to `far`, in the problem's norm."""
    noise = far - problem.pixels
    if problem.norm is LINF:
        most = wide(share * problem.norm.measure(noise))
        return problem.pixels + noise.clamp(-most, most)
    return problem.pixels + wide(share) * noise


def delta_of(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """How far from the boundary directions are tried, in L2, [N]."""
    values = problem.pixels[0].numel()
    delta = sqrt(values) * finest(problem) * row_norms(state.near - problem.pixels)
    return torch.where(state.round == 1, FIRST_DELTA, delta)


def finest(problem: Problem) -> float:
    """How narrow a bracket is closed, as a share of the distance."""
    return max(float(problem.pixels[0].numel() ** -1.5), FINEST)


TRIES = 25  # of four noises to begin with
HALVINGS = 24


def turned(state: HopSkipJumpState, rows: Tensor, phase: int) -> HopSkipJumpState:
    """Another phase for some rows, bool [N]."""
    return replace(
        state,
        phase=torch.where(rows, phase, state.phase),
        tries=torch.where(rows, 0, state.tries),
    )


def found(  # one signature for all phases
    problem: Problem,  # noqa: ARG001
    state: HopSkipJumpState,
    reached: Tensor,
) -> HopSkipJumpState:
    """Close in on the first noise that reached; give up after enough of them."""
    some = reached.any(1)
    first = state.asked[torch.arange(len(some)), reached.int().argmax(1)]
    state = replace(
        state,
        far=torch.where(wide(some), first, state.far),
        done=state.done | (~some & (state.tries >= TRIES)),
    )
    return turned(state, some, CLOSE)


def closed(problem: Problem, state: HopSkipJumpState, reached: Tensor) -> HopSkipJumpState:
    """A fifth of the bracket is left: from the last share before the first that reached."""
    some = reached.any(1)
    first = torch.where(some, reached.int().argmax(1), AT_ONCE)
    width = (state.high - state.low) / (AT_ONCE + 1)
    low = state.low + first * width
    high = torch.where(some, low + width, state.high)
    state = replace(state, low=low, high=high)
    narrow = (high - low <= finest(problem)) | (state.tries >= HALVINGS)
    near = torch.where(wide(narrow), between(problem, state.far, high), state.near)
    state = replace(
        state,
        near=near,
        ups=torch.where(wide(narrow), 0, state.ups),
        every=torch.where(wide(narrow), 0, state.every),
        hits=torch.where(narrow, 0, state.hits),
        looks=torch.where(narrow, 0, state.looks),
    )
    return turned(state, narrow, LOOK)


def hopped(
    problem: Problem,  # noqa: ARG001
    state: HopSkipJumpState,
    reached: Tensor,
) -> HopSkipJumpState:
    """The widest hop that reached is the new end to close in from; else ever shorter ones."""
    some = reached.any(1)
    first = state.asked[torch.arange(len(some)), reached.int().argmax(1)]
    lost = ~some & (state.tries * AT_ONCE >= HALVINGS)
    state = replace(
        state,
        far=torch.where(wide(some), first, torch.where(wide(lost), state.near, state.far)),
        low=torch.where(some | lost, 0, state.low),
        high=torch.where(some | lost, 1, state.high),
        round=torch.where(some | lost, state.round + 1, state.round),
    )
    return turned(state, some | lost, CLOSE)


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
