"""Changes along a power of a direction: from dense (exponent 1) to a few pieces (large exponents);
for sparse.py."""

import torch
from torch import Tensor

from pasunchat.attacks.methods.pieces import in_pieces, on_grid, on_pixels
from pasunchat.attacks.norms import row_sums, wide
from pasunchat.attacks.problem import Problem

TRIES, NEAR = 5, 0.05


def along_power(problem: Problem, direction: Tensor, exponent: Tensor) -> Tensor:
    """The direction's signs, sized by |piece|^exponent [N], the largest 1, [N, 3, H, W].

    Row by row: a power's last bit may depend on its place in the memory it is reckoned in.
    """
    size = in_pieces(problem, direction.abs())
    size = size / size.amax(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)
    powers = torch.stack([row**power for row, power in zip(size, exponent, strict=True)])
    return direction.sign() * on_pixels(problem, powers)


def reaching_power(
    problem: Problem,
    ray: Tensor,
    seen: Tensor,
    lead: Tensor,
    gradient: Tensor,
    more: Tensor,
    scale: Tensor,
) -> tuple[Tensor, Tensor]:
    """The change along `ray` whose margin is above 0 by the plane at `seen`, and its pixels.

    lead [N] and gradient: of the margin at the pixels `seen`. more: [N], how much further than
    the plane says. scale: [N], a first guess, or 0. Returns (scale [N], pixels).
    """
    wanted = more * (row_sums(gradient * (seen - problem.pixels)) - lead)
    straight = wanted / row_sums(gradient * ray).clamp_min(torch.finfo(ray.dtype).tiny)
    scale = torch.where(scale > 0, scale, straight.clamp(1 / 255, 1e6))
    pixels = _at(problem, ray, scale)
    for _ in range(TRIES):
        got = row_sums(gradient * (pixels - problem.pixels))
        off = (got - wanted).abs() > NEAR * wanted.abs()
        if not off.any():
            break
        factor = torch.where(got > 0, wanted / got, 4).clamp(0.25, 4)
        scale = torch.where(off, scale * factor, scale)
        pixels = _at(problem, ray, scale)
    return scale, pixels


def _at(problem: Problem, ray: Tensor, scale: Tensor) -> Tensor:
    return on_grid(problem, (problem.pixels + ray * wide(scale)).clamp(0, 1))
