"""The radius of FMN's ball, by hand."""

import pytest
import torch

from pasunchat.attacks.methods.fmn import crossing_of, next_radius
from pasunchat.attacks.norms import L0, L1, L2, LINF, PIXELS, Norm

GAMMA = torch.full((4,), 0.1)
REACHED = torch.tensor([True, True, False, False])
NEAREST = torch.tensor([20.0, 5.0, 20.0, torch.inf])
CROSSING = torch.full((4,), 30.0)


@pytest.mark.parametrize("norm", [L2, L1, LINF], ids=lambda norm: norm.name)
def test_it_shrinks_where_it_reached_and_grows_where_not(norm: Norm) -> None:
    found = next_radius(norm, torch.full((4,), 10.0), GAMMA, REACHED, NEAREST, CROSSING)
    assert found.tolist() == pytest.approx([9, 5, 11, 30])


@pytest.mark.parametrize("norm", [L0, PIXELS], ids=lambda norm: norm.name)
def test_a_count_moves_by_one_at_least_and_never_below_one(norm: Norm) -> None:
    few = next_radius(norm, torch.full((4,), 1.0), GAMMA, REACHED, NEAREST, CROSSING)
    assert few.tolist() == [1, 1, 2, 2]
    many = next_radius(norm, torch.full((4,), 55.0), GAMMA, REACHED, NEAREST, CROSSING)
    assert many.tolist() == [20, 5, 60, 60]


def test_a_plane_is_crossed_where_its_slope_says() -> None:
    gradient = torch.zeros(2, 3, 2, 2)
    gradient[0, 0, 0, 0], gradient[0, 1, 1, 1] = 3, 4
    found = crossing_of(L2, torch.tensor([1.0, 0.0]), torch.tensor([-10.0, 0.0]), gradient)
    assert found[0] == 3
    assert found[1] == 0
