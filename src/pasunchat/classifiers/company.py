"""Whether a network's answer to one picture depends on the pictures beside it.

Batch norm that was exported in training mode, or keeps no statistics, looks at the whole batch; a
network exported for one row takes no batch at all.
"""

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import Tensor, nn

from pasunchat.classifiers.outputs import in_one_line, logits_in
from pasunchat.errors import PasunchatError


class Company(StrEnum):
    """What a picture's answer is where others stand beside it."""

    SAME = "same"
    OTHER = "other"
    REFUSED = "refused"  # the network takes one picture at a time


def company_of(network: nn.Module, run: Callable[[Tensor], object], pixels: Tensor) -> Company:
    """Ask about the first picture alone and in company of the others.

    run: pixels, float [N, 3, H, W] -> what `network` gives. A difference counts from the square
    root of the numbers' precision on, as a share of the largest output to any of the pictures (that
    to one may cancel out to nearly 0), and only where the same question, asked again, is answered
    the same. Raises PasunchatError where one picture alone cannot be asked about.
    """
    rows, columns = pixels.shape[2:]
    with in_one_line(f"the network cannot be run on images of {rows} x {columns} pixels"):
        first = run(pixels[:1])
    alone = logits_in(first, 1)
    try:
        outputs = run(pixels)
    except PasunchatError:
        raise
    except Exception:  # whatever code of others raises: it takes no batch
        return Company.REFUSED
    if isinstance(outputs, Tensor) and isinstance(first, Tensor) and outputs.shape == first.shape:
        return Company.REFUSED
    every = logits_in(outputs, len(pixels))
    least_change = _precision(alone, network) * torch.maximum(alone.abs().max(), every.abs().max())
    if _same(alone, every[:1], least_change):
        return Company.SAME
    again = logits_in(run(pixels[:1]), 1)
    return Company.OTHER if _same(alone, again, least_change) else Company.SAME


def _precision(outputs: Tensor, network: nn.Module) -> float:
    kinds = {outputs.dtype} | {p.dtype for p in network.parameters() if p.is_floating_point()}
    return float(max(torch.finfo(kind).eps for kind in kinds) ** 0.5)


def _same(one: Tensor, other: Tensor, least_change: Tensor) -> bool:
    return one.shape == other.shape and not bool((one - other).abs().max() > least_change)
