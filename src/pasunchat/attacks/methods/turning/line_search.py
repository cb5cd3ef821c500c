"""A line search without gradients: the length along one direction at which the margin is 0.

The margin is below 0 at the photo (not reached) and above 0 farther out (reached). Between the
longest change that did not reach and the shortest that did lies a bracket, which each query
narrows:

    an end is still unknown     a Newton step, 1.5 times as long as the slope says, so that it
                                lands on the other side
    both ends are known         the secant (regula falsi), kept off both ends by a tenth

until the bracket is narrower than 1e-4 of its length, or 6 queries (8 on a grid) are used.
"""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from pasunchat.attacks.methods.turning.family import scale_for

FLOAT_QUERIES, GRID_QUERIES = 6, 8  # of a search, where it reaches
FRUITLESS_QUERIES = 12  # after which a search that has not reached is given up
NARROW = 1e-4  # of the length: a bracket this narrow is closed
OVERSHOOT = 1.5  # of a Newton step
SHARE = 0.1  # of the bracket: how far the secant is kept off its ends


@dataclass(frozen=True)
class Bracket:
    """What is known along one direction. An end is length, scale (family.py) and margin."""

    low: Tensor  # [N, 3]: the longest change that did not reach; at first the photo, of length 0
    high: Tensor  # [N, 3]: the shortest that reached; infinite before one has
    queries: Tensor  # int64 [N]: so far

    @property
    def is_open(self) -> Tensor:
        """bool [N]: nothing along this direction has reached yet."""
        return self.high[:, 0].isinf()


def whole_line(margin: Tensor) -> Bracket:
    """Before the first query: the photo does not reach, by a margin [N] below 0."""
    zero = torch.zeros_like(margin)
    low = torch.stack([zero, zero, margin], 1)
    return Bracket(low, torch.full_like(low, inf), zero.long())


def narrowed(
    bracket: Bracket, length: Tensor, scale: Tensor, margin: Tensor, reached: Tensor
) -> Bracket:
    """The bracket after one query, of which each argument is [N]."""
    here, high = torch.stack([length, scale, margin], 1), reached[:, None]
    return Bracket(
        low=torch.where(high, bracket.low, here),
        high=torch.where(high, here, bracket.high),
        queries=bracket.queries + 1,
    )


def next_scale(
    bracket: Bracket, length: Tensor, scale: Tensor, margin: Tensor, slope: Tensor, power: Tensor
) -> Tensor:
    """The scale to query next, [N], after a query at this length and scale with this margin.

    slope: [N], how much the margin grows with the length. power: [N], of length ~ scale^power.
    """
    low_length, low_scale, low_margin = bracket.low.unbind(1)
    _, high_scale, high_margin = bracket.high.unbind(1)
    newton = length - OVERSHOOT * margin / slope.clamp_min(torch.finfo(margin.dtype).tiny)
    longer = newton.clamp(min=1.01 * length, max=2 * length)
    shorter = newton.clamp(min=0.5 * length, max=0.99 * length)
    desired = torch.where(bracket.is_open, longer, shorter)
    outside = scale_for(desired, scale, length, power)
    secant = (low_margin / (low_margin - high_margin)).clamp(SHARE, 1 - SHARE)
    inside = low_scale + secant * (high_scale - low_scale)
    return torch.where(bracket.is_open | (low_length == 0), outside, inside)


def is_closed(bracket: Bracket, next_length: Tensor, queries: int) -> Tensor:
    """Whether the search is over, bool [N]: the bracket is narrow, its queries are used, or the
    next one, of `next_length` [N], would repeat an end."""
    low, high = bracket.low[:, 0], bracket.high[:, 0]
    repeated = (next_length == low) | (next_length == high)
    narrow = (high - low < NARROW * high) | (bracket.queries >= queries)
    given_up = bracket.queries >= FRUITLESS_QUERIES
    return repeated | torch.where(bracket.is_open, given_up, narrow)
