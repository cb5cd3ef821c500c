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


def sharpened(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    """As `least`, with slopes chosen for each weighted sum by itself: never lower than that.

    weights: [S, ...], the value being [1, ...]. Ends for good once every sum is above 0.
    """
    return torch.cat([_sharpened(known, value, row[None]) for row in weights])


@torch.enable_grad()
def _sharpened(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    best = least(known, value, weights)
    slopes = {
        at: drawn.share.clone().requires_grad_()
        for at, drawn in known.lines.items()
        if _is_relu(known, at)
    }
    if not slopes:
        return best
    optimiser = torch.optim.Adam(slopes.values(), lr=RATE)
    for _ in range(STEPS):
        if bool((best > 0).all()):
            break
        chosen = {at: replace(known.lines[at], share=slopes[at]) for at in slopes}
        bound = least(replace(known, lines=known.lines | chosen), value, weights)
        optimiser.zero_grad()
        (-bound.sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            for each in slopes.values():
                each.clamp_(0, 1)
        best = torch.maximum(best, bound.detach())
    return best


def _is_relu(known: Bounds, at: Value) -> bool:
    step = known.network.steps[at - 1]
    return isinstance(step, Maximum) and step.zero
