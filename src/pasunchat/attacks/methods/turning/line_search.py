"""The last part of a search: the change along one direction at which the margin is just met.

No gradient is asked for. A bracket in the change's reach, one end standing and the other reached,
is narrowed: by Newton steps until both ends have been looked at, then by the secant (regula falsi,
kept off the ends).
"""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from pasunchat.attacks.methods.turning.family import scaled

FLOAT_LOOKS, GRID_LOOKS, MOST_LOOKS = 6, 8, 12
FINE = 1e-4  # of the reach: a bracket this narrow is closed


@dataclass(frozen=True)
class Bracket:
    """The ends of what is known: reach, scale (along.py) and margin of the farthest that stands
    and of the nearest that reached, [N, 3] each, reach infinite where none has. looks: [N]."""

    low: Tensor
    high: Tensor
    looks: Tensor

    @property
    def stands(self) -> Tensor:
        """bool [N]: nothing on this way has reached yet."""
        return self.high[:, 0].isinf()


def unknown(margin: Tensor) -> Bracket:
    """Before the first look: the photo stands, with a margin [N] below 0."""
    none = torch.zeros_like(margin)
    low = torch.stack([none, none, margin], 1)
    return Bracket(low, torch.full_like(low, inf), none.long())


def narrowed(
    bracket: Bracket, reach: Tensor, scale: Tensor, margin: Tensor, reached: Tensor
) -> Bracket:
    """The bracket after one look."""
    here, hit = torch.stack([reach, scale, margin], 1), reached[:, None]
    return Bracket(
        torch.where(hit, bracket.low, here),
        torch.where(hit, here, bracket.high),
        bracket.looks + 1,
    )


def next_scale(
    bracket: Bracket, reach: Tensor, scale: Tensor, margin: Tensor, slope: Tensor, power: Tensor
) -> Tensor:
    """Where to look next, [N], after a look at reach and scale with this margin.

    slope: the margin gained for each unit of reach. power: of the law reach ~ scale^power.
    """
    (low, low_scale, low_margin), (_, high_scale, high_margin) = (
        end.unbind(1) for end in (bracket.low, bracket.high)
    )
    step = 1.5 * margin / slope.clamp_min(torch.finfo(margin.dtype).tiny)
    grown = (reach - step).clamp(min=1.01 * reach, max=2 * reach)
    shrunk = (reach - step).clamp(min=0.5 * reach, max=0.99 * reach)
    outside = scaled(scale, reach, torch.where(bracket.stands, grown, shrunk), power)
    share = (low_margin / (low_margin - high_margin)).clamp(0.1, 0.9)
    inside = low_scale + share * (high_scale - low_scale)
    return torch.where(bracket.stands | (low == 0), outside, inside)


def is_closed(bracket: Bracket, reach: Tensor, looks: int) -> Tensor:
    """bool [N]: narrow, out of `looks`, or the next look would repeat one. reach: of the next."""
    low, high = bracket.low[:, 0], bracket.high[:, 0]
    again = (reach == low) | (reach == high)
    narrow = (high - low < FINE * high) | (bracket.looks >= looks)
    return again | torch.where(bracket.stands, bracket.looks >= MOST_LOOKS, narrow)
