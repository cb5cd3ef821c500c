"""How many pieces of a sparse change go at once, and which: more of it, or less; for sparse.py.

Pieces are put in order by what the margin's gradient says they gain or lose for each unit of
distance.
"""

import torch
from torch import Tensor

from pasunchat.attacks.norms import wide
from pasunchat.attacks.problem import Problem

MOST = 16384  # pieces that are put in order, at most


def in_pieces(problem: Problem, values: Tensor) -> Tensor:
    """Values [N, 3, H, W] summed over each piece, [N, P]."""
    return values.sum(1).flatten(1) if problem.norm.name == "pixels" else values.flatten(1)


def on_pixels(problem: Problem, pieces: Tensor) -> Tensor:
    """What is said of pieces [N, P] as [N, 1 or 3, H, W]."""
    rows, channels, height, width = problem.pixels.shape
    return pieces.view(rows, 1 if problem.norm.name == "pixels" else channels, height, width)


def changed(problem: Problem, pixels: Tensor) -> Tensor:
    """Which pieces differ from the photo's, bool [N, P]."""
    return in_pieces(problem, (pixels != problem.pixels).float()) > 0


def ordered(scores: Tensor, able: Tensor, jitter: Tensor | None, largest: bool) -> Tensor:
    """The places of the able pieces by score, int64 [N, K]; those that are not able come last.

    jitter: factors [N, K] on the first K scores, or None.
    """
    worst = -torch.inf if largest else torch.inf
    known = torch.where(able, scores, worst)
    first = known.topk(min(MOST, scores.shape[1]), 1, largest=largest)
    if jitter is None:
        return first.indices
    again = (first.values * jitter).sort(dim=1, descending=largest, stable=True)
    return first.indices.gather(1, again.indices)


def marked(order: Tensor, count: Tensor, pieces: int) -> Tensor:
    """bool [N, P]: the first `count` [N] of the order."""
    chosen = torch.arange(order.shape[1], device=order.device) < count[:, None]
    return torch.zeros(len(order), pieces, dtype=torch.bool, device=order.device).scatter(
        1, order, chosen
    )


def on_grid(problem: Problem, pixels: Tensor) -> Tensor:
    """Pixels on the grid, and exactly the photo's where they are less than 1e-6 away."""
    if problem.levels is not None:
        pixels = (pixels * problem.unit).round().div(problem.unit)
    return torch.where((pixels - problem.pixels).abs() < 1e-6, problem.pixels, pixels)


def bound_of(pixels: Tensor, gradient: Tensor) -> Tensor:
    """The end of each value's range along the gradient; where that is zero, the value itself."""
    return torch.where(gradient > 0, 1, torch.where(gradient < 0, 0, pixels)).to(pixels.dtype)


def added(
    problem: Problem,
    pixels: Tensor,
    gradient: Tensor,
    share: Tensor,
    step: Tensor,
    jitter: Tensor | None,
) -> Tensor:
    """Pixels with more change, up to `share` [N] of the distance they have, where the gradient
    promises most. step: [N], by how much a value goes at once, for L1."""
    if problem.norm.name == "l1":
        return _amounts_added(problem, pixels, gradient, share, step, jitter)
    count = (changed(problem, pixels).sum(1) * share).ceil().clamp_min(1)
    return pieces_added(problem, pixels, gradient, count, jitter)


def promised(problem: Problem, pixels: Tensor, gradient: Tensor) -> Tensor:
    """What each unchanged piece adds to the margin at the end of its range, by the gradient,
    [N, P]; 0 for the changed."""
    bound = bound_of(pixels, gradient)
    gain = in_pieces(problem, gradient * (bound - problem.pixels))
    return torch.where(changed(problem, pixels), 0, gain)


def pieces_added(
    problem: Problem, pixels: Tensor, gradient: Tensor, count: Tensor, jitter: Tensor | None
) -> Tensor:
    """The `count` [N] unchanged pieces that promise most, and the changed ones that the gradient
    agrees with, at the end of their range."""
    gain = promised(problem, pixels, gradient)
    order = ordered(gain, gain > 0, jitter, largest=True)
    count = torch.minimum(count, (gain > 0).sum(1))
    new = on_pixels(problem, marked(order, count, gain.shape[1]))
    old = on_pixels(problem, changed(problem, pixels))
    agreed = old & ((pixels - problem.pixels) * gradient >= 0)
    return torch.where(new | agreed, bound_of(pixels, gradient), pixels)


def _amounts_added(
    problem: Problem,
    pixels: Tensor,
    gradient: Tensor,
    share: Tensor,
    step: Tensor,
    jitter: Tensor | None,
) -> Tensor:
    """For L1: steps along the gradient where it is largest; and steps back, which cost less than
    nothing, wherever a change goes against it."""
    change = pixels - problem.pixels
    against = change * gradient < 0
    end = torch.where(against, problem.pixels, bound_of(pixels, gradient))
    move = _move(pixels, end, step)
    able = (~against & (move != 0)).flatten(1)
    order = ordered(gradient.abs().flatten(1), able, jitter, largest=True)
    amount = torch.where(able, move.abs().flatten(1), 0).gather(1, order)
    within = amount.cumsum(1) <= (problem.distance(pixels) * share)[:, None]
    count = torch.minimum(within.sum(1).clamp_min(1), able.sum(1))
    chosen = marked(order, count, able.shape[1]).view_as(pixels) | against
    return torch.where(chosen, on_grid(problem, pixels + move), pixels)


def _move(pixels: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """From pixels toward the end, by `step` [N] at most in each value."""
    return torch.minimum(torch.maximum(end - pixels, wide(-step)), wide(step))


def to_take_back(
    problem: Problem, pixels: Tensor, gradient: Tensor, step: Tensor, jitter: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The changed pieces, those first that the margin misses least for each unit of distance.

    Returns their order, int64 [N, K]; how many there are, int64 [N], K at most; and what the
    margin loses with the first 1, 2, ... of them by the gradient, [N, K].
    """
    able = changed(problem, pixels)
    change = pixels - problem.pixels
    if problem.norm.name == "l1":
        scores = (gradient * change.sign()).flatten(1)
        amounts = torch.minimum(change.abs(), wide(step)).flatten(1)
    else:
        scores = in_pieces(problem, gradient * change)
        amounts = torch.ones_like(scores)
    order = ordered(scores, able, jitter, largest=False)
    count = able.sum(1).clamp_max(order.shape[1])
    there = torch.arange(order.shape[1], device=order.device) < count[:, None]
    lost = torch.where(there, (scores * amounts).gather(1, order), 0).cumsum(1)
    return order, count, lost


def taken_back(
    problem: Problem, pixels: Tensor, order: Tensor, count: Tensor, step: Tensor
) -> Tensor:
    """Pixels with the first `count` [N] pieces of the order back at the photo, for L1 a step
    nearer to it."""
    back = problem.pixels
    if problem.norm.name == "l1":
        back = on_grid(problem, pixels + _move(pixels, problem.pixels, step))
    pieces = changed(problem, pixels).shape[1]
    return torch.where(on_pixels(problem, marked(order, count, pieces)), back, pixels)
