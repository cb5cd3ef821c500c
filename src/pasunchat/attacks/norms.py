"""How large a change is: norms as values made of functions. noise is float [N, 3, H, W]."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Norm:
    """A way to measure noise.

    measure: noise [N, 3, H, W] -> distance [N]. Pixels in [0, 1] give distances in the same unit:
    one level of 255 in one value is 1/255 in L2 and in LINF.
    """

    name: str
    measure: Callable[[Tensor], Tensor]


def row_sums(values: Tensor) -> Tensor:
    """The sum of each row, [N, ...] -> [N]. Row by row: the same bits in any company."""
    return torch.stack([row.sum() for row in values]) if len(values) else values.new_zeros(0)


L2 = Norm("l2", lambda noise: row_sums(noise.square()).sqrt())
LINF = Norm("linf", lambda noise: noise.abs().flatten(1).amax(1))
