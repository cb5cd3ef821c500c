"""Proximal steps: z = argmin |z - noise|^2 / 2 + strength f(z), for noise [N, 3, H, W].

f is the norm itself for L1, L2 and LINF (Parikh and Boyd 2014, Proximal algorithms, section 6).
For L0 and PIXELS it is sum |z|^(2/3), over values or over the pixels' L2 norms, which shrinks few
values much (Cao et al. 2013; Matyasko and Chau 2021, arXiv:2106.01538, take it for L0).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pasunchat.attacks.norms import L1, row_norms, wide

Prox = Callable[[Tensor, Tensor], Tensor]

LEAST = 2 / 3 * 24**0.25  # times strength^(3/4): what is smaller becomes 0
NEWTON = 6


def soft(noise: Tensor, strength: Tensor) -> Tensor:
    """L1: each value nearer to 0 by the strength [N]."""
    return (noise.abs() - wide(strength)).clamp_min(0).copysign(noise)


def shorter(noise: Tensor, strength: Tensor) -> Tensor:
    """L2: each row shorter by the strength [N]."""
    size = row_norms(noise).clamp_min(torch.finfo(noise.dtype).tiny)
    return noise * wide((1 - strength / size).clamp_min(0))


def flatter(noise: Tensor, strength: Tensor) -> Tensor:
    """LINF: what the projection on the L1 ball of radius `strength` [N] leaves (Moreau)."""
    return noise - L1.project(noise, strength)


def fewer_values(noise: Tensor, strength: Tensor) -> Tensor:
    """sum |z|^(2/3) over values."""
    return _two_thirds(noise.abs(), wide(strength)).copysign(noise)


def fewer_pixels(noise: Tensor, strength: Tensor) -> Tensor:
    """sum |z|^(2/3) over pixels, |z| being the L2 norm of the three channels."""
    size = noise.square().sum(1, keepdim=True).sqrt()
    return noise * (_two_thirds(size, wide(strength)) / size.clamp_min(1e-30))


def _two_thirds(size: Tensor, strength: Tensor) -> Tensor:
    """The minimiser for sizes of 0 and more: with z = y^3, the largest root of
    y^4 - size y + 2/3 strength, found by Newton from above; 0 below LEAST strength^(3/4)."""
    strength = strength.expand_as(size)
    large = size > LEAST * strength**0.75
    given, part = size[large].double(), strength[large].double() * (2 / 3)
    root = given ** (1 / 3)
    for _ in range(NEWTON):
        root = root - (root**4 - given * root + part) / (4 * root**3 - given)
    return torch.zeros_like(size).masked_scatter(large, (root**3).to(size.dtype))


PROX: Mapping[str, Prox] = {
    "l1": soft,
    "l0": fewer_values,
    "pixels": fewer_pixels,
    "l2": shorter,
    "linf": flatter,
}
