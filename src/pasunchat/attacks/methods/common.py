"""How a search keeps inside a radius: projected, in the box of pixels, and on the grid.

A search inside a radius moves a float shadow, since on the grid itself its late steps would all be
rounded away; what it asks about is the shadow's picture on the grid (field study, attacks.md 2.6).
"""

from math import cos, pi

import torch
from torch import Tensor

from pasunchat.attacks.norms import L1, L2, LINF, Norm, row_sums, wide
from pasunchat.attacks.problem import ROUNDING, Problem
from pasunchat.attacks.protocol import Ask, ask_once


def boxed(problem: Problem, change: Tensor) -> Tensor:
    """The change [N, 3, H, W], cut so that the photo plus it stays in [0, 1]."""
    return (problem.pixels + change).clamp_(0, 1).sub_(problem.pixels)


def farthest(problem: Problem) -> Tensor:
    """The largest change there is, [N, 3, H, W]: every value to the end that is farther."""
    return torch.maximum(problem.pixels, 1 - problem.pixels)


def falling(first: float, last: float, clock: Tensor, steps: int, like: Tensor) -> Tensor:
    """`first` at clock 0 and `last` at clock `steps`, [N], in the type and place of `like`.

    clock: int64 [N]. Reckoned a row at a time, so that it is the same bits in any company.
    """
    shares = [(1 + cos(pi * at / steps)) / 2 for at in clock.tolist()]
    return like.new_tensor([last + (first - last) * share for share in shares])


BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def updated(mean: Tensor, square: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Both moments [N, 3, H, W] with one gradient more."""
    return mean.lerp(gradient, 1 - BETA_1), square.lerp(gradient.square(), 1 - BETA_2)


def corrected(mean: Tensor, square: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and the root of the square with epsilon, both without their bias towards 0.

    clock: int64 [N], gradients taken so far, 1 or more.
    """
    first, second = (
        wide(mean.new_tensor([1 - beta**time for time in clock.tolist()]))
        for beta in (BETA_1, BETA_2)
    )
    return mean / first, (square / second).sqrt() + EPSILON


HALVINGS, SAMPLE = 9, 16384  # of the scale at which a rounded change is as long as the radius
SHRINK, SHRINKS = 0.99, 40  # where it turns out to be longer
PASSES = 12  # of Newton's method for the threshold of L1
SHARE = 0.01  # of the values move in an L1 step


def moved(problem: Problem, direction: Tensor, scale: Tensor, most: float = 1.0) -> Tensor:
    """The photo changed by `scale` [N] times the direction, pixels; scale counts levels where
    there is a grid."""
    return stepped(problem, direction, scale, in_steps(problem), most).div_(problem.unit)


def in_steps(problem: Problem) -> Tensor:
    """The photo in steps of the grid; as it is where there is none."""
    return problem.pixels if problem.levels is None else (problem.pixels * problem.unit).round_()


def stepped(
    problem: Problem, direction: Tensor, scale: Tensor, photo: Tensor, most: float
) -> Tensor:
    """As `moved`, all in steps."""
    steps = direction * wide(scale)
    if most < 1:
        steps.clamp_(-most * problem.unit, most * problem.unit)
    if problem.levels is not None:
        steps.round_()
    return steps.add_(photo).clamp_(0, problem.unit)


def usable_radius(problem: Problem) -> Tensor:
    """How far to go, [N]: the radius, less what the rounding of pixels near 1 may add to the
    change of one; in LINF on a grid the largest multiple of a level inside it."""
    assert problem.radius is not None
    if problem.norm is not LINF:
        return problem.radius * (1 - ROUNDING)
    if problem.levels is None:
        return (problem.radius - torch.finfo(torch.float32).eps / 2).clamp_min(0)
    return (problem.radius * problem.unit * (1 + ROUNDING)).floor() / problem.unit


def anywhere_inside(problem: Problem, radius: Tensor, keys: Tensor) -> Tensor:
    """Pixels drawn from the row's key inside the radius, in [0, 1]."""
    noise = problem.norm.sample(keys, problem.pixels.shape[1:], radius)
    return problem.allowed(noise.add_(problem.pixels).clamp_(0, 1))


def inside(problem: Problem, radius: Tensor, pixels: Tensor) -> Tensor:
    """Pixels [N, 3, H, W] brought into the radius [N] around the photo and into [0, 1]."""
    noise = pixels - problem.pixels
    if problem.norm is L1:
        return _inside_l1(problem, radius, noise)
    return problem.norm.project(noise, radius).add_(problem.pixels).clamp_(0, 1)


def _inside_l1(problem: Problem, radius: Tensor, noise: Tensor) -> Tensor:
    """The nearest pixels in both the L1 ball and the box (Croce and Hein 2021, arXiv:2103.01208,
    proposition 2.1): |noise| less a threshold, cut to the room of each value. The threshold is
    found by Newton's method, and by halving where that leaves its bracket."""
    room = torch.where(noise > 0, 1 - problem.pixels, problem.pixels)
    size = noise.abs()
    low, high = torch.zeros_like(radius), size.flatten(1).amax(1)
    threshold = low
    for _ in range(PASSES):
        left = (size - wide(threshold)).clamp_min_(0)
        over = row_sums(torch.minimum(left, room)) - radius
        fits = over <= radius * ROUNDING / 2
        low, high = torch.where(fits, low, threshold), torch.where(fits, threshold, high)
        settled = fits & ((threshold == 0) | (over >= -radius * ROUNDING))
        low = torch.where(settled, high, low)  # a closed bracket: nothing changes any more
        if settled.all():
            break
        slope = row_sums(((left > 0) & (left < room)).to(size.dtype))
        newton = threshold + over / slope.clamp_min(1)
        good = (newton > low) & (newton < high) & (slope > 0)
        threshold = torch.where(good, newton, (low + high) / 2)
        threshold = torch.where(settled, high, threshold)
    left = torch.minimum((size - wide(high)).clamp_min(0), room)
    return left.copysign(noise).add_(problem.pixels).clamp_(0, 1)


def on_grid(problem: Problem, radius: Tensor, pixels: Tensor) -> Tensor:
    """What to ask about: the pixels on the grid, still inside the radius. In LINF each value is
    rounded; elsewhere the change is scaled so that, rounded, it is as long as the radius allows."""
    if problem.levels is None:
        return pixels
    if problem.norm is LINF:
        return (pixels * problem.unit).round_().div_(problem.unit)
    noise = pixels - problem.pixels
    scale = _rounding_scale(problem, radius, noise)
    for _ in range(SHRINKS):
        found = moved(problem, noise, scale * problem.unit)
        over = problem.distance(found) > radius * (1 + ROUNDING)
        if not over.any():
            return found
        scale = torch.where(over, scale * SHRINK, scale)
    return torch.where(wide(over), problem.pixels, found)


def ask_on_grid(problem: Problem, radius: Tensor, shadow: Tensor, gradient: Tensor) -> Ask:
    """To ask once of each row about the shadow's picture on the grid. gradient: bool [N]."""
    return ask_once(problem, on_grid(problem, radius, shadow), gradient)


def _rounding_scale(problem: Problem, radius: Tensor, noise: Tensor) -> Tensor:
    """By how much to scale the noise so that, rounded, it is about as long as the radius, [N];
    measured on some of the values, which stand for all."""
    every = noise.flatten(1)
    stride = max(every.shape[1] // SAMPLE, 1)
    some = every[:, ::stride, None, None].contiguous() * problem.unit
    power = 2 if problem.norm is L2 else 1
    room = radius * problem.unit / (every.shape[1] / some.shape[1]) ** (1 / power)
    low, high = torch.full_like(radius, 0.25), torch.full_like(radius, 4)
    for _ in range(HALVINGS):
        middle = (low * high).sqrt()
        fits = problem.norm.measure((some * wide(middle)).round_()) <= room
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return low


def steepest_step(norm: Norm, gradient: Tensor) -> Tensor:
    """The step of length 1 along the gradient, [N, 3, H, W]. In L1 it is spread over the largest
    hundredth of the values, as one value alone would take a step each (SLIDE, Tramer and Boneh
    2019, arXiv:1904.13000)."""
    if norm is not L1:
        return norm.steepest(gradient)
    return sparse_step(gradient, torch.full_like(gradient[:, 0, 0, 0], SHARE))


def sparse_step(gradient: Tensor, share: Tensor) -> Tensor:
    """A step of L1 length 1: the signs of the largest values, a share [N] of each row's."""
    size = gradient.abs().flatten(1)
    count = (share * size.shape[1]).long().clamp(1, size.shape[1]).tolist()
    least = torch.stack(
        [row.kthvalue(len(row) + 1 - k).values for row, k in zip(size, count, strict=True)]
    )
    signs = gradient.sign() * (gradient.abs() >= wide(least))
    return signs / wide(row_sums(signs.abs()).clamp_min(1))
