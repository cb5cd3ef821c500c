"""HopSkipJump: along the boundary, from the classifier's labels alone.

Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: a query-efficient decision-based attack",
arXiv:1904.02144, algorithm 2. From any pixels that reach the goal, in rounds t = 1, 2, ...

    bisect:    to the boundary, between the photo and the pixels that reach
    estimate:  v = mean of (reached_b - mean reached) u_b over B = 100 sqrt(t) random directions u_b
    jump:      from the boundary distance / sqrt(t) along v, halved until it reaches

A row queries four pictures at a step. Bisecting therefore leaves a fifth of a bracket at a time,
and a jump tries four lengths.

Where this differs from the paper: a bracket is closed to a share of at least 1e-5 of the distance
(the paper's d^-3/2, of d values, is lost in the rounding of float32 on large photos), and the first
pixels are noise of four coarsenesses, not of one.
"""

from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, put, refuse_below_one, take
from pasunchat.draws import draw_rows
from pasunchat.norms import L2, LINF, batch_view, normalize, row_norms

START, BISECT, ESTIMATE, JUMP = range(4)  # the phases of a row
AT_ONCE = 4  # pictures that a row queries at a step
FIRST_DELTA = 0.1  # L2 distance from the boundary at which the first round estimates
NARROWEST = 1e-5  # share of the distance to which a bracket is closed, at least
CELLS = (1, 4, 16, 64)  # cells along a side of the first noises
START_STEPS = 25  # steps of noise until a row gives up
HALVINGS = 24  # steps of a bracket, and halvings of a jump, at most


@dataclass(frozen=True)
class HopSkipJumpState:
    """Where the search is. Directions are in units of delta, the distance at which they are
    tried."""

    pixels: Tensor  # what is queried next, [N, 4, 3, H, W]
    far: Tensor  # pixels that reach, where the bracket ends, [N, 3, H, W]
    boundary: Tensor  # pixels that reach, beside the boundary, [N, 3, H, W]
    sum_reached: Tensor  # sum of this round's directions that reached, [N, 3, H, W]
    sum_all: Tensor  # sum of all directions of this round, [N, 3, H, W]
    number_reached: Tensor  # how many directions of this round reached, [N]
    number_all: Tensor  # how many directions this round has tried, [N]
    phase: Tensor  # int64 [N]
    phase_steps: Tensor  # int64 [N]: steps in this phase
    low: Tensor  # [N]: where the bracket begins, as a share of the way to `far`
    high: Tensor  # [N]: where it ends; there the goal is reached
    round: Tensor  # t, [N]
    keys: Tensor  # int64 [N]: each row's seed
    done: Tensor  # bool [N]: no noise reached


@dataclass(frozen=True)
class HopSkipJump:
    """Along the boundary of the goal, for classifiers that answer with labels alone."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="along the boundary, from labels alone",
        paper="HopSkipJump: Chen et al. 2020, arXiv:1904.02144",
        norms=(L2.name, LINF.name),
        when="the least change, where only the class is known",
        cost="5,000 queries",
        needs="labels",
        aims=("nearest", "within"),
    )

    queries: int = 5000  # largest number of queries for a photo, in fours
    directions: int = 100  # number of directions of the first round; more in later ones

    def __post_init__(self) -> None:
        refuse_below_one(self, "queries", "directions")

    @property
    def steps(self) -> int:
        """The loop asks once more after the last step."""
        return ceil(self.queries / AT_ONCE) - 1

    def start(self, problem: Problem, keys: Tensor) -> HopSkipJumpState:
        photo, zero = problem.pixels, problem.pixels.new_zeros(len(keys))
        state = HopSkipJumpState(
            pixels=photo[:, None].repeat(1, AT_ONCE, 1, 1, 1),
            far=photo,
            boundary=photo,
            sum_reached=torch.zeros_like(photo),
            sum_all=torch.zeros_like(photo),
            number_reached=zero,
            number_all=zero,
            phase=zero.long() + START,
            phase_steps=zero.long(),
            low=zero,
            high=zero + 1,
            round=zero + 1,
            keys=keys.to(zero.device),
            done=zero.bool(),
        )
        return replace(state, pixels=_next_pixels(problem, state, 0))

    def ask(self, problem: Problem, state: HopSkipJumpState, step: int) -> Query:
        return Query(state.pixels)

    def loss(self, problem: Problem, state: HopSkipJumpState, logits: Tensor) -> Tensor:
        raise NotImplementedError("HopSkipJump asks for no gradient")

    def step(
        self, problem: Problem, state: HopSkipJumpState, answer: Answer, step: int
    ) -> HopSkipJumpState:
        before = state.phase
        state = replace(state, phase_steps=state.phase_steps + 1)
        for phase, after in (
            (START, _after_noise),
            (BISECT, _after_bisection),
            (ESTIMATE, self._after_directions),
            (JUMP, _after_jump),
        ):
            rows = torch.nonzero(before == phase).squeeze(1)
            if len(rows):
                part = after(problem.rows(rows), take(state, rows), answer.reached[rows])
                state = put(state, rows, part)
        return replace(state, pixels=_next_pixels(problem, state, step + 1))

    def _after_directions(
        self, problem: Problem, state: HopSkipJumpState, reached: Tensor
    ) -> HopSkipJumpState:
        """Add the directions just tried; when there are enough of them, jump."""
        tried = state.pixels - state.boundary[:, None]
        tried = tried / _delta(problem, state)[:, None, None, None, None]
        state = replace(
            state,
            sum_reached=state.sum_reached + (tried * reached[:, :, None, None, None]).sum(1),
            sum_all=state.sum_all + tried.sum(1),
            number_reached=state.number_reached + reached.sum(1),
            number_all=state.number_all + AT_ONCE,
        )
        enough = state.number_all >= self.directions * state.round.sqrt()
        return _enter(state, enough, JUMP)


def _next_pixels(problem: Problem, state: HopSkipJumpState, step: int) -> Tensor:
    """What each row queries next, [N, 4, 3, H, W]."""
    pixels = torch.empty_like(state.pixels)
    for phase in (START, BISECT, ESTIMATE, JUMP):
        rows = torch.nonzero(state.phase == phase).squeeze(1)
        if len(rows):
            pixels[rows] = _pixels_of_phase(phase, problem.rows(rows), take(state, rows), step)
    if problem.mask is None:
        return pixels
    return torch.where(problem.mask[:, None], pixels, problem.pixels[:, None])


def _pixels_of_phase(phase: int, problem: Problem, state: HopSkipJumpState, step: int) -> Tensor:
    if phase == START:
        return _noises(problem, state, step)
    if phase == BISECT:
        return _bracket(problem, state)
    return _directions(problem, state, step) if phase == ESTIMATE else _jumps(problem, state)


def _noises(problem: Problem, state: HopSkipJumpState, step: int) -> Tensor:
    """Uniform noise of four coarsenesses."""
    size = problem.pixels.shape[2:]
    drawn = [interpolate(_noise(state.keys, cells, step), size) for cells in CELLS]
    return torch.stack(drawn, 1).to(problem.pixels)


def _noise(keys: Tensor, cells: int, step: int) -> Tensor:
    """[N, 3, cells, cells] in [0, 1]."""
    return draw_rows(keys, lambda g: torch.rand(3, cells, cells, generator=g), cells, step)


def _bracket(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """Four places inside the bracket, evenly apart."""
    width = (state.high - state.low) / (AT_ONCE + 1)
    shares = [state.low + place * width for place in range(1, AT_ONCE + 1)]
    return torch.stack([_part_of_way(problem, state.far, share) for share in shares], 1)


def _directions(problem: Problem, state: HopSkipJumpState, step: int) -> Tensor:
    """Near the boundary, in random directions: normal for L2, uniform for LINF."""
    shape = (AT_ONCE, *problem.pixels.shape[1:])
    if problem.norm is L2:
        drawn = draw_rows(state.keys, lambda g: torch.randn(shape, generator=g), step)
    else:
        drawn = draw_rows(state.keys, lambda g: torch.rand(shape, generator=g) * 2 - 1, step)
    unit = normalize(drawn.to(problem.pixels).flatten(0, 1)).view_as(state.pixels)
    delta = _delta(problem, state)[:, None, None, None, None]
    return (state.boundary[:, None] + delta * unit).clamp_(0, 1)


def _jumps(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """From the boundary along the estimated direction, each half as far as the one before."""
    share = state.number_reached / state.number_all
    alike = (share == 0) | (share == 1)
    direction = torch.where(
        batch_view(alike),
        state.sum_all * batch_view(2 * share - 1),
        2 * (state.sum_reached - batch_view(share) * state.sum_all),
    )
    direction = direction.sign() if problem.norm is LINF else normalize(direction)
    length = problem.distance(state.boundary) / state.round.sqrt()
    length = length / 2 ** (state.phase_steps * AT_ONCE)
    jumps = [
        state.boundary + batch_view(length / 2**number) * direction for number in range(AT_ONCE)
    ]
    return torch.stack(jumps, 1).clamp_(0, 1)


def _after_noise(_: Problem, state: HopSkipJumpState, reached: Tensor) -> HopSkipJumpState:
    """Bisect from the first noise that reached; give up after enough of them."""
    some = reached.any(1)
    state = replace(
        state,
        far=torch.where(batch_view(some), _first_reached(state, reached), state.far),
        done=state.done | (~some & (state.phase_steps >= START_STEPS)),
    )
    return _enter(state, some, BISECT)


def _after_bisection(
    problem: Problem, state: HopSkipJumpState, reached: Tensor
) -> HopSkipJumpState:
    """A fifth of the bracket is left: from the last place before the first that reached."""
    some = reached.any(1)
    first = torch.where(some, reached.int().argmax(1), AT_ONCE)
    width = (state.high - state.low) / (AT_ONCE + 1)
    low = state.low + first * width
    high = torch.where(some, low + width, state.high)
    narrow = (high - low <= _narrowest(problem)) | (state.phase_steps >= HALVINGS)
    boundary = _part_of_way(problem, state.far, high)
    state = replace(
        state,
        low=low,
        high=high,
        boundary=torch.where(batch_view(narrow), boundary, state.boundary),
        sum_reached=state.sum_reached.masked_fill(batch_view(narrow), 0),
        sum_all=state.sum_all.masked_fill(batch_view(narrow), 0),
        number_reached=state.number_reached.masked_fill(narrow, 0),
        number_all=state.number_all.masked_fill(narrow, 0),
    )
    return _enter(state, narrow, ESTIMATE)


def _after_jump(_: Problem, state: HopSkipJumpState, reached: Tensor) -> HopSkipJumpState:
    """Bisect from the longest jump that reached; else jump ever less far, in the end not at all."""
    some = reached.any(1)
    too_short = ~some & (state.phase_steps * AT_ONCE >= HALVINGS)
    over = some | too_short
    far = torch.where(batch_view(too_short), state.boundary, state.far)
    state = replace(
        state,
        far=torch.where(batch_view(some), _first_reached(state, reached), far),
        low=state.low.masked_fill(over, 0),
        high=state.high.masked_fill(over, 1),
        round=state.round + over,
    )
    return _enter(state, over, BISECT)


def _enter(state: HopSkipJumpState, rows: Tensor, phase: int) -> HopSkipJumpState:
    """Another phase for some rows, bool [N]."""
    return replace(
        state,
        phase=state.phase.masked_fill(rows, phase),
        phase_steps=state.phase_steps.masked_fill(rows, 0),
    )


def _first_reached(state: HopSkipJumpState, reached: Tensor) -> Tensor:
    """Of the four pictures just queried the first that reached, [N, 3, H, W]; of reached, bool
    [N, 4]."""
    rows = torch.arange(len(reached), device=reached.device)
    return state.pixels[rows, reached.int().argmax(1)]


def _part_of_way(problem: Problem, far: Tensor, share: Tensor) -> Tensor:
    """Pixels at a share [N] of the way from the photo to `far`, in the problem's norm."""
    noise = far - problem.pixels
    if problem.norm is LINF:
        most = batch_view(share * problem.norm.measure(noise))
        return problem.pixels + noise.clamp(-most, most)
    return problem.pixels + batch_view(share) * noise


def _delta(problem: Problem, state: HopSkipJumpState) -> Tensor:
    """How far from the boundary directions are tried, in L2, [N]."""
    share = sqrt(problem.pixels[0].numel()) * _narrowest(problem)
    delta = share * row_norms(state.boundary - problem.pixels)
    return torch.where(state.round == 1, FIRST_DELTA, delta)


def _narrowest(problem: Problem) -> float:
    """How narrow a bracket becomes, as a share of the distance."""
    return max(float(problem.pixels[0].numel() ** -1.5), NARROWEST)
