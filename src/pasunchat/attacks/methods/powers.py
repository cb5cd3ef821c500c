"""How a search by exchange begins: changes along a power of a direction, from dense (exponent 1) to
a few pieces (large exponents); for sparse.py."""

from dataclasses import replace

import torch
from torch import Tensor

from pasunchat.attacks.methods.pieces import in_pieces, on_grid, on_pixels
from pasunchat.attacks.methods.sparse_state import Seen, SparseState
from pasunchat.attacks.norms import row_sums, unit, wide
from pasunchat.attacks.problem import Problem

EXPONENTS = {"l1": (3.0, 2.5, 4.0, 2.0), "l0": (4.0, 3.0, 6.0, 2.0), "pixels": (4.0, 3.0, 6.0, 2.0)}
LOOKS, OVER = 8, 1.1
TRIES, NEAR = 5, 0.05


def turned(problem: Problem, state: SparseState, seen: Seen) -> SparseState:
    """The next change to ask about: the direction turned by the gradient seen, and as long as the
    plane there says. Rows without a gradient are done."""
    looks = state.looks + 1
    weight = torch.where(looks <= 2, 1 / looks, 0.4)
    direction = state.direction + wide(weight) * (unit(seen.gradient) - state.direction)
    exponents = EXPONENTS[problem.norm.name]
    exponent = [exponents[at % len(exponents)] for at in state.begun.tolist()]
    ray = along_power(problem, direction, direction.new_tensor(exponent))
    more = direction.new_tensor([_more(each) for each in looks.tolist()])
    scale, pixels = reaching_power(
        problem, ray, state.pixels, seen.lead, seen.gradient, more, state.scale
    )
    done = state.done | ~seen.gradient.flatten(1).any(1)
    return replace(state, direction=direction, looks=looks, scale=scale, pixels=pixels, done=done)


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


def _more(looks: int) -> float:
    """How much further than the plane says: ever more where that has not reached."""
    return OVER * 1.5 ** min(max(looks - LOOKS, 0), 20)
