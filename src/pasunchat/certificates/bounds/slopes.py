"""Slopes of lower lines chosen for the one sum that is asked for.

Under a relu of which the sign is open lies a line of any slope from 0 to 1. Which is best depends
on what the line is for, and the bound can be differentiated by it (Xu et al. 2021, "Fast and
complete: enabling complete verification with rapid and massively parallel incomplete verifiers").
"""

from dataclasses import replace

import torch
from torch import Tensor

from pasunchat.certificates.bounds.backward import Bounds, least
from pasunchat.certificates.bounds.trace import Maximum, Value

STEPS = 20
RATE = 0.2  # of Adam, on slopes from 0 to 1


@torch.enable_grad()
def sharpest(known: Bounds, value: Value, weights: Tensor) -> tuple[Tensor, Bounds]:
    """As `least` of one weighted sum, with slopes chosen for it: never lower than that. With the
    lines that give the bound.

    weights: [1, ...], as the value. Ends for good once the sum is above 0.
    """
    best, chosen = least(known, value, weights), known
    slopes = free_slopes(known)
    if not slopes:
        return best, chosen
    optimiser = torch.optim.Adam(slopes.values(), lr=RATE)
    for _ in range(STEPS):
        if bool(best > 0):
            break
        tried = with_slopes(known, slopes)
        bound = least(tried, value, weights)
        if bool(bound > best):
            best, chosen = bound.detach(), with_slopes(known, copied(slopes))
        optimiser.zero_grad()
        (-bound.sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            for each in slopes.values():
                each.clamp_(0, 1)
    return best, chosen


def free_slopes(known: Bounds, sums: int = 1) -> dict[Value, Tensor]:
    """The shares of lower lines that may be chosen, for so many sums each, float64 [S, ...] that
    require a gradient."""
    return {
        at: drawn.share.expand(sums, *drawn.share.shape[1:]).clone().requires_grad_()
        for at, drawn in known.lines.items()
        if _is_relu(known, at)
    }


def with_slopes(known: Bounds, slopes: dict[Value, Tensor]) -> Bounds:
    """The same bounds with other lower lines."""
    drawn = {at: replace(known.lines[at], share=slopes[at]) for at in slopes}
    return replace(known, lines=known.lines | drawn)


def copied(slopes: dict[Value, Tensor]) -> dict[Value, Tensor]:
    """Slopes as they are now."""
    return {at: each.detach().clone() for at, each in slopes.items()}


def _is_relu(known: Bounds, at: Value) -> bool:
    step = known.network.steps[at - 1]
    return isinstance(step, Maximum) and step.zero
