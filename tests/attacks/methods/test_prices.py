"""The price of a missing lead, by hand."""

from math import inf

import torch

from pasunchat.attacks.methods.carlini_wagner import first_price, next_price


def test_the_first_price_is_twice_what_a_plane_needs() -> None:
    """Along a plane the least change is lead / |g|, where |x|^2 - c lead(x) is least at c g / 2."""
    gradient = torch.zeros(3, 3, 2, 2)
    gradient[0, 0, 0, 0], gradient[0, 1, 1, 1] = 3, 4
    gradient[2] = 1e-30
    price = first_price(torch.tensor([-5.0, -5.0, -5.0]), gradient)
    assert price[0] / 2 * 5 / 2 == 5 / 5  # c/2 * |g| / 2, the change at half the price
    assert price[1:].tolist() == [1, 1]


def test_it_grows_tenfold_until_one_is_high_enough_and_is_halved_in_then() -> None:
    price = torch.tensor([2.0, 2.0, 2.0, 2.0])
    low, high = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([inf, inf, 9.0, 9.0])
    over = torch.tensor([True, True, True, False])
    found = torch.tensor([False, True, False, True])
    price, low, high = next_price(price, low, high, over, found)
    assert price.tolist() == [20, 1, 5.5, 2]
    assert low.tolist() == [2, 0, 2, 1]
    assert high.tolist() == [inf, 2, 9, 9]
