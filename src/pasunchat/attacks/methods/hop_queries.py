"""What HopSkipJump asks next, by the phase that each row is in (arXiv:1904.02144, algorithm 2)."""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pasunchat.attacks.norms import L2, LINF, row_norms, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import take

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
