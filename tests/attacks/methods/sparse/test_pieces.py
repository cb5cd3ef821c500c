"""Adding and removing many pieces at once, on pictures of a few pixels."""

import torch
from torch import Tensor

from pasunchat.attacks.methods.sparse.pieces import (
    add_pieces,
    changed_pieces,
    removal_order,
    remove_pieces,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.norms import L0, L1, PIXELS, Norm

WHOLE = torch.ones(1)


def problem(norm: Norm, side: int = 2) -> Problem:
    pixels = torch.full((1, 3, side, side), 102 / 255)
    return Problem(pixels, Goal(torch.ones(1, dtype=torch.int64)), norm)


def slopes(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 3, 2, 2)


GRADIENT = slopes(5, -9, 1, 0, 2, 3, 0, 0, 1, 1, 0, -7)


def test_values_are_added_where_they_gain_most_and_to_the_end_of_their_range() -> None:
    given = problem(L0)
    start = given.pixels.clone()
    start[0, 1, 0, 0] = 0.5
    found = add_pieces(given, start, GRADIENT, torch.tensor([2.0]), WHOLE, None)
    assert changed_pieces(given, found).nonzero()[:, 1].tolist() == [0, 1, 4]
    assert found.flatten()[[0, 1, 4]].tolist() == [1, 0, 1]


def test_a_pixel_is_added_with_all_its_channels() -> None:
    given = problem(PIXELS)
    start = given.pixels.clone()
    start[0, 0, 1, 0] = 1
    found = add_pieces(given, start, GRADIENT, torch.tensor([1.0]), WHOLE, None)
    assert given.distance(found).item() == 2
    assert found[0, :, 0, 1].tolist() == [0, 1, 1]


def test_sums_are_spent_on_the_largest_slopes_and_steps_back_are_free() -> None:
    given = problem(L1)
    start = given.pixels.clone()
    start[0, 1, 0, 1] = 0  # against its slope, 3
    found = add_pieces(given, start, GRADIENT, torch.tensor([1.5]), torch.tensor([0.2]), None)
    steps = (found - start).flatten().mul(255).round()
    assert steps[[1, 11, 5]].tolist() == [-51, -51, 51]
    assert steps[0] == 51 and not steps[[2, 3, 4, 6, 7, 8, 9, 10]].any()


def test_removing_starts_with_what_is_worth_least_and_ends_at_the_photo() -> None:
    for norm in (L0, L1, PIXELS):
        given = problem(norm)
        whole = torch.where(GRADIENT > 0, 1, 0).to(torch.float32)
        order, count, lost = removal_order(given, whole, GRADIENT, WHOLE, None)
        assert int(count) == changed_pieces(given, whole).sum()
        if norm is not L1:  # where a piece costs as much as another
            assert (lost[0, : int(count)].diff().diff() >= -1e-5).all()
        part = remove_pieces(given, whole, order, count // 2, WHOLE)
        assert given.distance(part) < given.distance(whole)
        assert torch.equal(remove_pieces(given, whole, order, count, WHOLE), given.pixels)


def test_lost_is_what_a_plane_loses() -> None:
    for norm in (L0, L1, PIXELS):
        given = problem(norm)
        whole = torch.where(GRADIENT > 0, 1, 0).to(torch.float32)
        order, count, lost = removal_order(given, whole, GRADIENT, torch.tensor([0.3]), None)
        for some in range(1, int(count) + 1):
            part = remove_pieces(given, whole, order, torch.tensor([some]), torch.tensor([0.3]))
            gone = (GRADIENT * (whole - part)).sum()
            assert abs(gone - lost[0, some - 1]) < 0.02 * (1 + gone.abs())
