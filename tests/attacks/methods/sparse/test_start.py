"""The first part of sparse: what a direction leads to, and how long a change may be."""

from itertools import pairwise

import torch
from torch import Tensor

from pasunchat.attacks.methods.sparse.start import (
    FIRST_SLOPE,
    FIRST_WEIGHT,
    Bounds,
    counted_change,
    first_length,
    next_length,
    summed_change,
    turning_weight,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.norms import L0, L1, PIXELS, Norm
from pasunchat.runtime import generator

ANY = Bounds(torch.zeros(2), torch.full((2,), torch.inf))


def problem(norm: Norm, levels: int | None = 256) -> Problem:
    pixels = torch.full((2, 3, 4, 4), 102 / 255)
    return Problem(pixels, Goal(torch.ones(2, dtype=torch.int64)), norm, levels)


def slopes() -> Tensor:
    return torch.randn(2, 3, 4, 4, generator=generator("slopes"))


def test_the_fewest_pieces_of_a_plane_are_taken_each_to_the_end() -> None:
    for norm, sizes in ((L0, (48,)), (PIXELS, (3, 16))):
        given, slope = problem(norm), slopes()
        room = (slope > 0).float() - given.pixels
        gains = (slope * room).flatten(1).view(2, *sizes)
        gains = gains if norm is L0 else gains.sum(1)
        most = gains.sort(dim=1, descending=True).values.cumsum(1)
        pixels, count = counted_change(given, slope, slope, most[:, 4] - 1e-4, ANY)
        assert count.tolist() == given.distance(pixels).tolist() == [5, 5]
        changed = pixels != given.pixels
        assert torch.isin(pixels[changed], torch.tensor([0.0, 1.0])).all()


def test_the_sum_is_the_least_with_a_little_l2_that_gains_what_is_needed() -> None:
    given, slope = problem(L1, levels=None), slopes()
    needed = torch.tensor([0.7, 1.1])
    pixels, length = summed_change(given, slope, slope, needed, ANY, torch.zeros(2))
    change = pixels - given.pixels
    assert torch.allclose((slope * change).flatten(1).sum(1), needed, atol=1e-3)
    assert torch.allclose(given.distance(pixels), length, atol=1e-4)
    size = slope.abs() / slope.abs().amax((1, 2, 3), keepdim=True)
    inside = (change != 0) & (pixels > 0) & (pixels < 1)
    for row in range(2):  # one threshold explains every value
        threshold = (size - change.abs() / FIRST_SLOPE)[row][inside[row]]
        assert threshold.max() - threshold.min() < 1e-4
        assert size[row][change[row] == 0].max() <= threshold.min() + 1e-4


def test_lengths_fall_where_reached_and_rise_where_not() -> None:
    reached = torch.tensor([True, False])
    for norm, length in ((L0, 2.0), (PIXELS, 300.0), (L1, 0.8)):
        given, last = problem(norm), torch.full((2,), length)
        low, high = next_length(given, last, reached, torch.tensor([30, 30]))
        assert high[0] < length < low[1] and low[0] <= high[0] and low[1] <= high[1]
        first = next_length(given, last, reached, torch.tensor([0, 0]))
        assert torch.equal(first.low, first_length(given)) and first.high.isinf().all()


def test_gradients_weigh_less_and_less_and_in_the_end_the_same() -> None:
    weights = turning_weight(torch.arange(14), 10).tolist()
    assert all(later < earlier for earlier, later in pairwise(weights[:11]))
    assert weights[0] == FIRST_WEIGHT and weights[10:] == [weights[10]] * 4
