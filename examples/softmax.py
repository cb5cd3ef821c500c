"""Softmax: keep the output under control.

Totals can be any number. Softmax makes shares of them that lie between 0 and 1 and add up to 1, and
only the distance between the totals counts.
"""

import torch

from pasunchat.words import percent


def softmax(totals: torch.Tensor) -> torch.Tensor:
    """e to the power of each, divided by the sum of all. The largest is taken off first: the shares
    stay the same, and no power grows too large for the machine."""
    powers = torch.exp(totals - totals.max())
    return powers / powers.sum()


for cat, dog in ((0, 0), (1, 0), (3, 2), (1003, 1002), (2, 0), (-3, 3), (12, 0)):
    totals = torch.tensor([float(cat), float(dog)])
    shares = softmax(totals)
    assert torch.allclose(shares, totals.softmax(0)) and torch.isclose(shares.sum(), torch.ones(()))
    print(
        f"totals {cat:5} {dog:5}:  cat {percent(shares[0].item())}, dog {percent(shares[1].item())}"
    )
