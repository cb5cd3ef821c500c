"""The price of a lead that is missing: the first, and the next by bisection; for carlini_wagner.py,
which names the paper."""

import torch
from torch import Tensor

from pasunchat.attacks.norms import row_sums

TENFOLD = 10  # the next price while none was high enough


def first_price(lead: Tensor, gradient: Tensor) -> Tensor:
    """Twice the price at which a linear margin would just be met, [N]; 1 where it has no slope.
    lead [N], gradient: of the margin at the photo."""
    steep = row_sums(gradient.square())
    price = 4 * lead.abs() / steep
    return torch.where((steep > 0) & price.isfinite(), price, 1)


def next_price(
    price: Tensor, low: Tensor, high: Tensor, over: Tensor, found: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The price, and those known to be too low and high enough, all [N], after the rounds that are
    `over`, bool [N]. found: whether the round reached, bool [N]. high is infinite until one did."""
    low = torch.where(over & ~found, price, low)
    high = torch.where(over & found, price, high)
    following = torch.where(high.isinf(), TENFOLD * price, (low + high) / 2)
    return torch.where(over, following, price), low, high
