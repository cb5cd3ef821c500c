"""What HopSkipJump concludes from answers, by the phase that each row is in (arXiv:1904.02144)."""

from dataclasses import replace

import torch
from torch import Tensor

from pasunchat.attacks.methods.hop_queries import (
    AT_ONCE,
    CLOSE,
    LOOK,
    HopSkipJumpState,
    between,
    finest,
)
from pasunchat.attacks.norms import wide
from pasunchat.attacks.problem import Problem

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
