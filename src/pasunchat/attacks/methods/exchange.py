"""From one query of a search by exchange to the next: how many pieces to take back, and when a
round is over; for sparse.py."""

from dataclasses import replace

import torch
from torch import Tensor

from pasunchat.attacks.methods.sparse_changes import taken_back, to_take_back
from pasunchat.attacks.methods.sparse_state import BACK, LOOK, Seen, SparseState, begun_anew, either
from pasunchat.attacks.norms import wide
from pasunchat.attacks.problem import Problem
from pasunchat.runtime import generator

JITTER = 0.5
GAIN = 0.995  # of the nearest: a round that ends above it has gained nothing
TOLERANCE = 0.1  # of the nearest: a round may end so much further away


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


def next_round(problem: Problem, state: SparseState, pixels: Tensor, patience: int) -> SparseState:
    """The next round, from what this one has found where that is near enough; after
    `patience` rounds without gain the search begins anew."""
    distance = problem.distance(pixels)
    base = torch.where(wide(distance <= (1 + TOLERANCE) * state.nearest), pixels, state.base)
    gained = distance < GAIN * state.nearest
    stalled = torch.where(gained, state.stalled, state.stalled + 1)
    idle = torch.where(gained, 0, state.idle + 1)
    on = replace(
        state,
        base=base,
        pixels=base,
        nearest=torch.minimum(state.nearest, distance),
        stalled=stalled,
        idle=idle,
        phase=state.phase * 0 + LOOK,
    )
    return either(idle < patience, on, begun_anew(problem, on))
