"""What a sparse change is made of; for sparse.py.

A piece is a value, or for PIXELS a pixel with its channels. L0 and PIXELS count pieces, so a piece
goes to the end of its range at once; L1 sums amounts, so a piece goes a step at a time.
"""

import torch
from torch import Tensor

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
