"""sparse: few values, few pixels or a small sum: turned toward, then pieces added and removed.

Ours, for L0, PIXELS and L1. A piece is a value, or a pixel in PIXELS (pieces.py). m is the margin,
above 0 where the goal is reached, g its gradient at the last query:

    start     V turns by unit gradients, as in `turning`; each query is the change that would be
              best if V were the margin's gradient, as long as g says (start.py). The first is long
              and lies deep inside the goal; then the length falls, to both sides of the border
    round     add     to the nearest so far, pieces where g promises most; query m and g there
              remove  pieces in the order of g.c, the least valuable first; how many, by 3 secant
                      steps on the true m
    next      from the round's result if it is at most 10 % farther than the nearest so far

How much a round adds comes from a list, the next entry whenever a round gains nothing. Orders are
made a little random, so that rounds differ; 12 rounds without gain lead to another start, whose
first gradient is made random. A row ends when its queries are spent. The derivation is in
docs/methods.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.methods.sparse.pieces import (
    MAX_ORDERED,
    add_pieces,
    piece_channels,
    removal_order,
    remove_pieces,
)
from pasunchat.attacks.methods.sparse.start import (
    counted_change,
    next_direction,
    next_length,
    summed_change,
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
from pasunchat.draws import draw_rows
from pasunchat.norms import Norm, batch_view, row_sums

QUERIES: Mapping[Effort, int] = {"quick": 60, "normal": 200, "thorough": 800}
START, BASE, ADDED, REMOVED = range(4)  # phases: what a row queries

START_SHARE, MOST_START_GRADIENTS = 0.8, 100  # of the queries, at two a gradient
JITTER = 0.5  # orders: scores are multiplied by 1 to 1.5
GAIN = 0.995  # of the nearest distance: a round that ends above it has gained nothing
TOLERANCE = 0.1  # of the nearest distance: a round may end farther away by as much
SECANT_STEPS = 3  # in a round, for how many pieces to remove

# Of a round: the share of the distance to add, and by how much a value goes at once. They depend on
# whether the norm counts pieces or sums their sizes.
COUNTED = ((2.0, 1.0), (1.0, 1.0), (0.5, 1.0), (0.25, 1.0), (0.12, 1.0), (0.06, 1.0))
SUMMED = (
    (1.0, 0.25), (0.5, 0.25), (0.5, 0.12), (0.25, 0.25), (0.25, 0.12), (0.12, 0.06),
    (0.06, 0.02), (0.02, 0.004),
)  # fmt: skip


class RowAnswer(NamedTuple):
    """The answer to one query a row."""

    margin: Tensor  # [N]
    reached: Tensor  # bool [N]
    gradient: Tensor  # [N, 3, H, W]; 0 where none was queried

    def rows(self, index: Tensor) -> "RowAnswer":
        """The answer to some rows."""
        return RowAnswer(*(part[index] for part in self))


@dataclass(frozen=True)
class SparseState:
    """Where each row's search is. K pieces are put in order, P or MAX_ORDERED."""

    pixels: Tensor  # [N, 3, H, W]: what to query next
    base: Tensor  # [N, 3, H, W]: what the round began with; it reaches
    whole: Tensor  # [N, 3, H, W]: what the round removes pieces from
    direction: Tensor  # [N, 3, H, W]: V of the start
    order: Tensor  # int64 [N, K]: of the pieces to remove
    lost: Tensor  # [N, K]: what the margin loses with the first 1, 2, ... K, by the gradient
    keys: Tensor  # int64 [N]: seeds
    phase: Tensor  # int64 [N]: START, BASE, ADDED or REMOVED
    start_gradients: Tensor  # int64 [N]: in this start so far
    spent: Tensor  # int64 [N]: queries so far, a gradient counting as two
    stalled: Tensor  # int64 [N]: rounds without gain since the start
    idle: Tensor  # int64 [N]: rounds, in a start gradients, since the last gain
    restarts: Tensor  # int64 [N]: so far
    secant_steps: Tensor  # int64 [N]: in this round so far
    count: Tensor  # int64 [N]: how many pieces are removed in `pixels`
    low: Tensor  # int64 [N]: the largest count known to reach
    high: Tensor  # int64 [N]: the smallest count known not to reach
    whole_margin: Tensor  # [N]: at `whole`
    nearest: Tensor  # [N]: the least distance at the end of a round since the start
    length: Tensor  # [N]: of the start's last change
    stride: Tensor  # [N]: by how much a value goes at once in this round
    done: Tensor  # bool [N]


@dataclass(frozen=True)
class Sparse:
    """A direction that turns toward few pieces; then rounds of adding and removing some."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="few values, pixels or little in sum: turn, add, remove (ours)",
        paper="ours; kin: sigma-zero (arXiv:2402.01879)",
        norms=("l0", "pixels", "l1"),
        when="for the fewest values or pixels, or the least in sum, as a file",
        cost="60, 200 or 800 queries, a gradient counting as two",
        by_class=True,
    )
    steps: ClassVar[int | None] = None  # a row ends when its queries are spent

    effort: Effort = "normal"  # queries: quick 60, normal 200, thorough 800
    queries: int | None = None  # number of queries instead of the effort's, a gradient being two
    patience: int = 12  # gradients without gain that end a start, rounds that lead to another

    def __post_init__(self) -> None:
        if self.queries is not None and self.queries < 2:
            raise ValueError(f"queries: expected 2 or more, got {self.queries}")
        refuse_below_one(self, "patience")

    def start(self, problem: Problem, keys: Tensor) -> SparseState:
        zero = problem.pixels.new_zeros(len(keys))
        count = zero.long()
        pieces = piece_channels(problem) * problem.pixels[0, 0].numel()
        ordered = (len(keys), min(MAX_ORDERED, pieces))
        return SparseState(
            pixels=problem.pixels,
            base=problem.pixels,
            whole=problem.pixels,
            direction=torch.zeros_like(problem.pixels),
            order=count.new_zeros(ordered),
            lost=zero.new_zeros(ordered),
            keys=keys.to(zero.device),
            phase=count + START,
            start_gradients=count,
            spent=count,
            stalled=count,
            idle=count,
            restarts=count,
            secant_steps=count,
            count=count,
            low=count,
            high=count,
            whole_margin=zero,
            nearest=zero + inf,
            length=zero,
            stride=zero + 1,
            done=count.bool(),
        )

    def ask(self, problem: Problem, state: SparseState, step: int) -> Query:
        return query_one(problem, state.pixels, state.phase != REMOVED)

    def loss(self, problem: Problem, state: SparseState, logits: Tensor) -> Tensor:
        return problem.goal.margin(logits)

    def step(self, problem: Problem, state: SparseState, answer: Answer, step: int) -> SparseState:
        """The step of each row's phase."""
        assert answer.margin is not None
        gradient, phase = answer.gradient, state.phase
        if gradient is None:
            gradient = torch.zeros_like(state.pixels)
        answers = RowAnswer(answer.margin[:, 0], answer.reached[:, 0], gradient)
        state = replace(state, spent=state.spent + torch.where(phase == REMOVED, 1, 2))
        moves = (self._after_start, self._after_base, self._after_added, self._after_removed)
        for number, move in enumerate(moves):
            rows = torch.nonzero(phase == number).squeeze(1)
            if len(rows) == len(phase):
                state = move(problem, state, answers, step)
            elif len(rows):
                part = move(problem.rows(rows), take(state, rows), answers.rows(rows), step)
                state = put(state, rows, part)
        return replace(state, done=state.done | (state.spent >= self._budget))

    @property
    def _budget(self) -> int:
        return self.queries or QUERIES[self.effort]

    @property
    def _start_gradients(self) -> int:
        share = int(self._budget * START_SHARE) // 2
        return max(min(share, MOST_START_GRADIENTS), 1)

    def _after_start(
        self, problem: Problem, state: SparseState, answer: RowAnswer, step: int
    ) -> SparseState:
        """Turn V and set the length; after enough gradients, and some without gain, rounds from the
        nearest that has reached. A row without a gradient is done."""
        distance = problem.distance(state.pixels)
        nearer = answer.reached & (distance < state.nearest)
        number, gradients = state.start_gradients, self._start_gradients
        gradient = varied(state, answer.gradient, step)
        direction = next_direction(state.direction, gradient, number, gradients)
        state = replace(
            state,
            base=torch.where(batch_view(nearer), state.pixels, state.base),
            nearest=torch.where(nearer, distance, state.nearest),
            idle=torch.where(answer.reached & (distance < GAIN * state.nearest), 0, state.idle + 1),
            direction=direction,
            start_gradients=number + 1,
            done=state.done | ~direction.flatten(1).any(1),
        )
        stalls = state.nearest.isfinite() & (state.idle >= self.patience)
        over = (number + 1 >= gradients) & stalls
        zero = torch.zeros_like(number)
        rounds = replace(state, pixels=state.base, phase=zero + BASE, idle=zero)
        return choose_rows(over, rounds, next_start(problem, state, answer, gradients))

    def _after_base(
        self, problem: Problem, state: SparseState, answer: RowAnswer, step: int
    ) -> SparseState:
        """Add pieces to the round's base."""
        moves = moves_for(problem.norm).to(answer.margin)
        share, stride = moves[state.stalled % len(moves)].unbind(1)
        jitter = jitter_for(state, step)
        pixels = add_pieces(problem, state.base, answer.gradient, share, stride, jitter)
        return replace(
            state, pixels=pixels, stride=stride, phase=torch.full_like(state.phase, ADDED)
        )

    def _after_added(
        self, problem: Problem, state: SparseState, answer: RowAnswer, step: int
    ) -> SparseState:
        """Begin to remove pieces; where the larger change does not reach, the next round."""
        removing = begin_removal(problem, state, answer, jitter_for(state, step))
        skipping = self._next_round(problem, state, state.base)
        return choose_rows(answer.reached, removing, skipping)

    def _after_removed(
        self, problem: Problem, state: SparseState, answer: RowAnswer, step: int
    ) -> SparseState:
        """Remove more where it still reaches, else fewer; after some secant steps, or when the
        count is known, the next round from the largest count that reached."""
        low = torch.where(answer.reached, state.count, state.low)
        high = torch.where(answer.reached, state.high, state.count)
        state = replace(state, low=low, high=high, secant_steps=state.secant_steps + 1)
        count = secant_count(state, answer.margin)
        pixels = remove_pieces(problem, state.whole, state.order, count, state.stride)
        again = replace(state, count=count, pixels=pixels)
        over = (high - low <= 1) | (state.secant_steps >= SECANT_STEPS)
        result = remove_pieces(problem, state.whole, state.order, low, state.stride)
        return choose_rows(over, self._next_round(problem, state, result), again)

    def _next_round(self, problem: Problem, state: SparseState, pixels: Tensor) -> SparseState:
        """The next round, from this one's result where that is near enough, else from the same
        base; or another start after too many rounds without gain."""
        distance = problem.distance(pixels)
        near = distance <= (1 + TOLERANCE) * state.nearest
        gained = distance < GAIN * state.nearest
        base = torch.where(batch_view(near), pixels, state.base)
        on = replace(
            state,
            base=base,
            pixels=base,
            nearest=torch.minimum(state.nearest, distance),
            stalled=torch.where(gained, state.stalled, state.stalled + 1),
            idle=torch.where(gained, 0, state.idle + 1),
            phase=torch.full_like(state.phase, BASE),
        )
        return choose_rows(on.idle < self.patience, on, restarted(problem, on))


def moves_for(norm: Norm) -> Tensor:
    """The list of shares and strides in this norm, [L, 2]."""
    return torch.tensor(COUNTED if norm.counts else SUMMED)


def choose_rows(which: Tensor, one: SparseState, other: SparseState) -> SparseState:
    """The rows of `one` where `which`, bool [N], holds, else those of `other`."""
    if which.all():
        return one
    rows = torch.nonzero(which).squeeze(1)
    return put(other, rows, take(one, rows))


def restarted(problem: Problem, state: SparseState) -> SparseState:
    """Another start from the photo."""
    zero = torch.zeros_like(state.phase)
    return replace(
        state,
        pixels=problem.pixels,
        direction=torch.zeros_like(state.direction),
        phase=zero + START,
        start_gradients=zero,
        stalled=zero,
        idle=zero,
        restarts=state.restarts + 1,
        nearest=torch.full_like(state.nearest, inf),
        length=torch.zeros_like(state.length),
    )


def next_start(
    problem: Problem, state: SparseState, answer: RowAnswer, gradients: int
) -> SparseState:
    """The next change of a start, along V. state: with V turned already."""
    before, counts = state.start_gradients - 1, problem.norm.counts
    bounds = next_length(problem, state.length, answer.reached, before)
    needed = row_sums(answer.gradient * (state.pixels - problem.pixels)) - answer.margin
    given = (problem, state.direction, answer.gradient, needed, bounds)
    if counts:
        pixels, length = counted_change(*given)
    else:
        pixels, length = summed_change(*given, (before / gradients).clamp_max(1))
    return replace(state, pixels=pixels, length=length)


def varied(state: SparseState, gradient: Tensor, step: int) -> Tensor:
    """The gradient; at the first query of another start, each value times 0 to 1, so that it
    differs."""
    again = (state.start_gradients == 0) & (state.restarts > 0)
    if not again.any():
        return gradient
    shape = gradient.shape[1:]
    drawn = draw_rows(state.keys, lambda g: torch.rand(shape, generator=g), "start", step)
    return torch.where(batch_view(again), gradient * drawn.to(gradient), gradient)


def begin_removal(
    problem: Problem, state: SparseState, answer: RowAnswer, jitter: Tensor | None
) -> SparseState:
    """The pieces of `pixels` in order, and as many of them removed as the gradient allows."""
    order, existing, lost = removal_order(
        problem, state.pixels, answer.gradient, state.stride, jitter
    )
    allowed = (lost <= answer.margin[:, None]).sum(1)
    count = torch.minimum(allowed, existing).clamp_min(1)
    zero = torch.zeros_like(count)
    return replace(
        state,
        whole=state.pixels,
        pixels=remove_pieces(problem, state.pixels, order, count, state.stride),
        order=order,
        lost=lost,
        phase=zero + REMOVED,
        secant_steps=zero,
        count=count,
        low=zero,
        high=existing + 1,
        whole_margin=answer.margin,
    )


def secant_count(state: SparseState, margin: Tensor) -> Tensor:
    """How many pieces to remove next, int64 [N]: as many as use up the margin, by what the gradient
    predicts, corrected by how much the last query's margin [N] fell against its prediction. Kept a
    tenth off both ends of what is known."""
    predicted = state.lost.gather(1, (state.count - 1)[:, None]).squeeze(1)
    ratio = ((state.whole_margin - margin) / predicted).clamp(0.1, 10).nan_to_num(1)
    count = (state.lost * ratio[:, None] <= state.whole_margin[:, None]).sum(1)
    off = (state.high - state.low) // 10 + 1
    return torch.minimum(torch.maximum(count, state.low + off), state.high - off).clamp_min(1)


def jitter_for(state: SparseState, step: int) -> Tensor:
    """Factors from 1 to 1 + JITTER, [N, K], for a slightly random order; others at each step."""
    size = state.order.shape[1]
    drawn = draw_rows(state.keys, lambda g: torch.rand(size, generator=g), "jitter", step)
    return drawn.to(state.lost) * JITTER + 1
