"""The pieces of a sparse change: what they are worth by a gradient, adding some, removing others.

A piece is what the norm counts: a value in L0 and L1, a pixel with its three values in PIXELS;
P is how many a picture has. Where pieces are counted (`norm.counts`), a changed one costs the same
however far it goes, so it goes all the way to the end of its range, 0 or 1, or back to the photo.
Where sizes are summed (L1), a value goes by a stride at a time. With g the gradient of the margin
and c the change, what pieces are worth by the gradient for each unit of distance is

    add       counted: g.(end of the range - photo) of an unchanged piece     summed: |g|
    remove    counted: g.c of a changed piece                                 summed: g sign(c)

so the largest are added first, and the smallest removed first.
"""

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.norms import batch_view

MAX_ORDERED = 16384  # pieces that are put in order, at most
SAME = 1e-6  # a value nearer to the photo's is the photo's


def piece_channels(problem: Problem) -> int:
    """1 where a piece is a whole pixel, 3 where it is one value."""
    return problem.norm.parts(problem.pixels[:1, :, :1, :1]).shape[1]


def sum_pieces(problem: Problem, values: Tensor) -> Tensor:
    """Values [N, 3, H, W] summed over each piece, [N, P]."""
    return values.flatten(1) if piece_channels(problem) > 1 else values.sum(1).flatten(1)


def as_picture(problem: Problem, pieces: Tensor) -> Tensor:
    """One value for each piece, [N, P], as [N, 1 or 3, H, W], to go with pixels."""
    return pieces.view(len(pieces), piece_channels(problem), *problem.pixels.shape[2:])


def changed_pieces(problem: Problem, pixels: Tensor) -> Tensor:
    """Which pieces differ from the photo's, bool [N, P]."""
    return problem.norm.parts(pixels - problem.pixels).flatten(1) > 0


def settle(problem: Problem, pixels: Tensor) -> Tensor:
    """The nearest pixels on the grid, and exactly the photo's where they nearly are."""
    if problem.levels is not None:
        pixels = (pixels * problem.max_level).round().div(problem.max_level)
    return torch.where((pixels - problem.pixels).abs() < SAME, problem.pixels, pixels)


def add_pieces(
    problem: Problem,
    pixels: Tensor,
    gradient: Tensor,
    share: Tensor,
    stride: Tensor,
    jitter: Tensor | None,
) -> Tensor:
    """Pixels with more change, where it is worth most by the gradient.

    share: [N], how much to add, of the distance that the pixels have. stride: [N], by how much a
    value goes at once, where sizes are summed. jitter: factors [N, K] on the best K, or None.
    """
    if problem.norm.counts:
        return _add_counted(problem, pixels, gradient, share, jitter)
    return _add_summed(problem, pixels, gradient, share, stride, jitter)


def removal_order(
    problem: Problem, pixels: Tensor, gradient: Tensor, stride: Tensor, jitter: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The changed pieces, those first that are worth least by the gradient.

    Returns their order, int64 [N, K]; how many of them there are, int64 [N], at most K; and by how
    much the margin falls when the first 1, 2, ... K are removed, by the gradient, [N, K].
    """
    change, able = pixels - problem.pixels, changed_pieces(problem, pixels)
    if problem.norm.counts:
        worth = sum_pieces(problem, gradient * change)
        loss = worth
    else:
        worth = (gradient * change.sign()).flatten(1)
        loss = worth * torch.minimum(change.abs(), batch_view(stride)).flatten(1)
    order = _ordered(worth, able, jitter, largest=False)
    count = able.sum(1).clamp_max(order.shape[1])
    exists = torch.arange(order.shape[1], device=order.device) < count[:, None]
    return order, count, torch.where(exists, loss.gather(1, order), 0).cumsum(1)


def remove_pieces(
    problem: Problem, pixels: Tensor, order: Tensor, count: Tensor, stride: Tensor
) -> Tensor:
    """Pixels with the first `count` [N] pieces of the order [N, K] as in the photo; where sizes are
    summed, a stride [N] nearer to it."""
    back = problem.pixels
    if not problem.norm.counts:
        back = settle(problem, pixels + _move(pixels, problem.pixels, stride))
    pieces = changed_pieces(problem, pixels).shape[1]
    return torch.where(as_picture(problem, first_pieces(order, count, pieces)), back, pixels)


def _add_counted(
    problem: Problem, pixels: Tensor, gradient: Tensor, share: Tensor, jitter: Tensor | None
) -> Tensor:
    """The best unchanged pieces, and the changed ones that go with the gradient already, at the end
    of their range."""
    changed, end = changed_pieces(problem, pixels), range_end(pixels, gradient)
    gain = sum_pieces(problem, gradient * (end - problem.pixels)).masked_fill(changed, 0)
    able = gain > 0
    count = torch.minimum((changed.sum(1) * share).ceil().clamp_min(1), able.sum(1))
    order = _ordered(gain, able, jitter, largest=True)
    new = as_picture(problem, first_pieces(order, count, gain.shape[1]))
    agrees = as_picture(problem, changed) & ((pixels - problem.pixels) * gradient >= 0)
    return torch.where(new | agrees, end, pixels)


def _add_summed(
    problem: Problem,
    pixels: Tensor,
    gradient: Tensor,
    share: Tensor,
    stride: Tensor,
    jitter: Tensor | None,
) -> Tensor:
    """A stride along the gradient where that is largest; and a stride back, which makes the
    distance smaller, wherever the change goes against it."""
    against = (pixels - problem.pixels) * gradient < 0
    end = torch.where(against, problem.pixels, range_end(pixels, gradient))
    move = _move(pixels, end, stride)
    able = (~against & (move != 0)).flatten(1)
    order = _ordered(gradient.abs().flatten(1), able, jitter, largest=True)
    size = torch.where(able, move.abs().flatten(1), 0).gather(1, order)
    fits = size.cumsum(1) <= (problem.distance(pixels) * share)[:, None]
    count = torch.minimum(fits.sum(1).clamp_min(1), able.sum(1))
    chosen = as_picture(problem, first_pieces(order, count, able.shape[1])) | against
    return torch.where(chosen, settle(problem, pixels + move), pixels)


def range_end(pixels: Tensor, gradient: Tensor) -> Tensor:
    """0 or 1, where each value ends along the gradient; where that is 0, the value itself."""
    return torch.where(gradient > 0, 1, torch.where(gradient < 0, 0, pixels)).to(pixels.dtype)


def _move(pixels: Tensor, end: Tensor, stride: Tensor) -> Tensor:
    """From pixels toward the end, by a stride [N] at most in each value."""
    return (end - pixels).clamp(batch_view(-stride), batch_view(stride))


def best_pieces(scores: Tensor) -> Tensor:
    """The pieces of the largest scores [N, P], the largest first, int64 [N, K]."""
    return scores.topk(min(MAX_ORDERED, scores.shape[1]), 1).indices


def _ordered(scores: Tensor, able: Tensor, jitter: Tensor | None, largest: bool) -> Tensor:
    """The able pieces by score [N, P], int64 [N, K]; those that are not able come last.

    jitter: factors [N, K] on the first K scores, or None.
    """
    worst = -torch.inf if largest else torch.inf
    first = torch.where(able, scores, worst).topk(
        min(MAX_ORDERED, scores.shape[1]), 1, largest=largest
    )
    if jitter is None:
        return first.indices
    again = (first.values * jitter).sort(dim=1, descending=largest, stable=True)
    return first.indices.gather(1, again.indices)


def first_pieces(order: Tensor, count: Tensor, pieces: int) -> Tensor:
    """bool [N, P]: the first `count` [N] of an order [N, K] of P pieces."""
    chosen = torch.arange(order.shape[1], device=order.device) < count[:, None]
    none = torch.zeros(len(order), pieces, dtype=torch.bool, device=order.device)
    return none.scatter(1, order, chosen)
