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
    root of the numbers' precision on, as a share of the largest output, and only where the same
    question, asked again, is answered the same. Raises PasunchatError where one picture alone
    cannot be asked about.
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
    beside = logits_in(outputs, len(pixels))[:1]
    if _same(alone, beside, network) or not _same(alone, logits_in(run(pixels[:1]), 1), network):
        return Company.SAME
    return Company.OTHER


def _same(one: Tensor, other: Tensor, network: nn.Module) -> bool:
    if one.shape != other.shape:
        return False
    kinds = {one.dtype} | {p.dtype for p in network.parameters() if p.is_floating_point()}
    precision = max(torch.finfo(kind).eps for kind in kinds) ** 0.5
    apart = (one - other).abs().max()
    return not bool(apart > precision * torch.maximum(one.abs().max(), other.abs().max()))
