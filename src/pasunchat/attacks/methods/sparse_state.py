"""Where a search by exchange stands; for sparse.py."""

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.methods.pieces import MOST
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import put, take

START, LOOK, GROWN, BACK = range(4)  # phases: what the next answer is for


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


def either(first: Tensor, one: SparseState, other: SparseState) -> SparseState:
    """The rows of `one` where `first` [N] holds, else of `other`."""
    if first.all():
        return one
    return put(other, rows := torch.nonzero(first).squeeze(1), take(one, rows))
