"""Proximal steps against brute force."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.methods.pdpgd import PROX, fewer_pixels, fewer_values
from pasunchat.attacks.norms import L1, L2, LINF

GRID = torch.linspace(-1.5, 1.5, 30001, dtype=torch.float64)


def one_by_one(noise: float, strength: float, price: Tensor) -> float:
    """argmin (z - noise)^2 / 2 + strength price(z), of all z of the grid."""
    return float(GRID[((GRID - noise).square() / 2 + strength * price).argmin()])


@pytest.mark.parametrize("name, power", [("l1", 1.0), ("l0", 2 / 3)])
@pytest.mark.parametrize("strength", [0.02, 0.1, 0.4])
def test_of_single_values_is_the_minimum(name: str, power: float, strength: float) -> None:
    noise = torch.tensor([-1.3, -0.41, -0.1, 0.0, 0.02, 0.25, 0.6, 0.9, 1.2]).view(1, 3, 3, 1)
    found = PROX[name](noise, torch.tensor([strength]))
    price = GRID.abs() ** power
    best = [one_by_one(float(value), strength, price) for value in noise.flatten()]
    assert found.flatten().tolist() == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("name", ["l2", "linf", "pixels"])
def test_of_rows_is_no_worse_than_any_neighbour(name: str) -> None:
    prices = {
        "l2": L2.measure,
        "linf": LINF.measure,
        "pixels": lambda z: (z.square().sum(1).sqrt() ** (2 / 3)).flatten(1).sum(1),
    }
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3, 2, 2, generator=draw, dtype=torch.float64)
    strength = torch.tensor([0.3, 0.8], dtype=torch.float64)

    def cost(z: Tensor) -> Tensor:
        return (z - noise).square().flatten(1).sum(1) / 2 + strength * prices[name](z)

    found = PROX[name](noise, strength)
    least = cost(found)
    assert (least < cost(noise)).all() and (least <= cost(noise * 0) + 1e-9).all()
    for _ in range(2000):
        near = found + 0.01 * torch.randn(noise.shape, generator=draw, dtype=torch.float64)
        assert (cost(near) >= least - 1e-9).all()


def test_each_row_has_its_own_strength_and_none_is_the_identity() -> None:
    noise = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    for prox in PROX.values():
        assert torch.allclose(prox(noise, torch.zeros(3)), noise, atol=1e-6)
        both = prox(noise, torch.tensor([0.1, 0.2, 0.3]))
        alone = prox(noise[1:2], torch.tensor([0.2]))
        assert torch.allclose(both[1:2], alone)


def test_what_counts_pixels_keeps_their_colour_and_drops_them_whole() -> None:
    noise = torch.zeros(1, 3, 1, 2)
    noise[0, :, 0, 0] = torch.tensor([0.6, 0.3, -0.1])
    noise[0, :, 0, 1] = torch.tensor([0.03, 0.01, 0.02])
    found = fewer_pixels(noise, torch.tensor([0.1]))
    share = found[0, :, 0, 0] / noise[0, :, 0, 0]
    assert torch.allclose(share, share[0].expand(3)) and 0 < share[0] < 1
    assert not found[0, :, 0, 1].any()
    assert (fewer_values(noise, torch.tensor([0.1])) != 0).sum() == 2


def test_the_soft_threshold_takes_the_strength_off_each() -> None:
    noise = torch.tensor([0.5, -0.2, 0.05]).view(1, 3, 1, 1)
    found = PROX["l1"](noise, torch.tensor([0.1]))
    assert found.flatten().tolist() == pytest.approx([0.4, -0.1, 0.0])
    assert L1.measure(found).item() == pytest.approx(0.5)
