"""Where a search by exchange stands, and how it goes from one query to the next; for sparse.py."""

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.attack import put, take
from pasunchat.attacks.methods.pieces import MOST, taken_back, to_take_back
from pasunchat.attacks.problem import Problem
from pasunchat.runtime import generator

# shares of the distance to add, and for L1 by how much a value goes at once
COUNTED = ((2.0, 1.0), (1.0, 1.0), (0.5, 1.0), (0.25, 1.0), (0.12, 1.0), (0.06, 1.0))
SUMMED = (
    (1.0, 0.25), (0.5, 0.25), (0.5, 0.12), (0.25, 0.25), (0.25, 0.12), (0.12, 0.06), (0.06, 0.02),
    (0.02, 0.004),
)  # fmt: skip
MOVES = {"l1": SUMMED, "l0": COUNTED, "pixels": COUNTED}
EXPONENTS = {"l1": (3.0, 2.5, 4.0, 2.0), "l0": (4.0, 3.0, 6.0, 2.0), "pixels": (4.0, 3.0, 6.0, 2.0)}
START, LOOK, GROWN, BACK = range(4)  # phases: what the next answer is for
JITTER = 0.5


class Seen(NamedTuple):
    """The answer to one query a row: margin [N], reached bool [N], gradient [N, 3, H, W]."""

    lead: Tensor
    reached: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class SparseState:
    """pixels: to be asked next. base: what a round began with. whole: what pieces are taken back
    from. direction: V. [N, 3, H, W].
    order: of the pieces to take back, int64 [N, MOST or fewer]; lost: what the margin loses with
    the first of them by the gradient, same shape. phase, looks, spent (queries), stalled (rounds
    without gain), idle (since the last gain), begun (how often), tries, count, low, high (pieces
    taken back): int64. lead: the margin before any is taken back. nearest: of this beginning.
    scale: of the direction. step: by how much a value goes at once. done. [N]."""

    pixels: Tensor
    base: Tensor
    whole: Tensor
    direction: Tensor
    order: Tensor
    lost: Tensor
    keys: Tensor
    phase: Tensor
    looks: Tensor
    spent: Tensor
    stalled: Tensor
    idle: Tensor
    begun: Tensor
    tries: Tensor
    count: Tensor
    low: Tensor
    high: Tensor
    lead: Tensor
    nearest: Tensor
    scale: Tensor
    step: Tensor
    done: Tensor


def before(problem: Problem, keys: Tensor) -> SparseState:
    """Before the first query: nothing changed, nothing known."""
    none = problem.pixels.new_zeros(len(keys))
    count = torch.zeros_like(none, dtype=torch.int64)
    pieces = min(MOST, problem.pixels[0].numel() // (3 if problem.norm.name == "pixels" else 1))
    return SparseState(
        pixels=problem.pixels,
        base=problem.pixels,
        whole=problem.pixels,
        direction=torch.zeros_like(problem.pixels),
        order=count[:, None].expand(-1, pieces),
        lost=none[:, None].expand(-1, pieces),
        keys=keys.to(none.device),
        phase=count + START,
        looks=count,
        spent=count,
        stalled=count,
        idle=count,
        begun=count,
        tries=count,
        count=count,
        low=count,
        high=count,
        lead=none,
        nearest=none + inf,
        scale=none,
        step=none + 1,
        done=count.bool(),
    )


def begun_anew(problem: Problem, state: SparseState) -> SparseState:
    """Begin again from the photo, along another power."""
    none = torch.zeros_like(state.phase)
    return replace(
        state,
        pixels=problem.pixels,
        direction=torch.zeros_like(state.direction),
        phase=none + START,
        looks=none,
        stalled=none,
        idle=none,
        begun=state.begun + 1,
        nearest=torch.full_like(state.nearest, inf),
        scale=torch.zeros_like(state.scale),
    )


def put_in_order(
    problem: Problem, state: SparseState, seen: Seen, jitter: Tensor | None
) -> SparseState:
    """The pieces of `pixels` in order, and the first guess how many of them to take back."""
    order, able, lost = to_take_back(problem, state.pixels, seen.gradient, state.step, jitter)
    count = torch.minimum((lost <= seen.lead[:, None]).sum(1), able).clamp_min(1)
    return replace(
        state,
        whole=state.pixels,
        pixels=taken_back(problem, state.pixels, order, count, state.step),
        order=order,
        lost=lost,
        phase=state.phase * 0 + BACK,
        tries=state.tries * 0,
        count=count,
        low=state.low * 0,
        high=able + 1,
        lead=seen.lead,
    )


def next_count(state: SparseState, lead: Tensor) -> Tensor:
    """How many pieces to take back next: as many as the plane allows when it is made to agree
    with the margin just seen; kept off the bracket's ends by a tenth."""
    told = state.lost.gather(1, (state.count - 1)[:, None]).squeeze(1)
    ratio = ((state.lead - lead) / told).clamp(0.1, 10).nan_to_num(1)
    count = (state.lost * ratio[:, None] <= state.lead[:, None]).sum(1)
    off = (state.high - state.low) // 10 + 1
    return torch.minimum(torch.maximum(count, state.low + off), state.high - off).clamp_min(1)


def factors(state: SparseState, purpose: str) -> Tensor:
    """What makes orders a little random: factors of 1 to 1 + JITTER, [N, K], from each row's key
    and its queries so far."""
    drawn = [
        torch.rand(state.order.shape[1], generator=generator(key, purpose, spent))
        for key, spent in zip(state.keys.tolist(), state.spent.tolist(), strict=True)
    ]
    return torch.stack(drawn).to(state.lost) * JITTER + 1


def either(first: Tensor, one: SparseState, other: SparseState) -> SparseState:
    """The rows of `one` where `first` [N] holds, else of `other`."""
    if first.all():
        return one
    return put(other, rows := torch.nonzero(first).squeeze(1), take(one, rows))
