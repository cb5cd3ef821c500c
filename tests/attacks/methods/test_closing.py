"""The bracket: it closes on the crossing, needs few looks, and knows when to stop."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.methods.turning.line_search import (
    MOST_LOOKS,
    Bracket,
    is_closed,
    narrowed,
    next_scale,
    unknown,
)


def closed(crossing: float, curve: float, start: float, looks: int) -> tuple[Bracket, int]:
    """Close on margin(r) = (r/crossing)^curve - 1, the scale being the reach."""
    bracket, one = unknown(torch.tensor([-1.0])), torch.ones(1)
    reach = torch.tensor([start])
    asked = 0
    while not is_closed(bracket, reach, looks):
        asked += 1
        margin: Tensor = (reach / crossing) ** curve - 1
        bracket = narrowed(bracket, reach, reach, margin, margin > 0)
        reach = next_scale(bracket, reach, reach, margin, one / crossing, one)
    return bracket, asked


@pytest.mark.parametrize("curve", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("start", [0.3, 0.9, 0.999, 1.02, 1.8])
def test_it_closes_on_the_crossing(start: float, curve: float) -> None:
    bracket, asked = closed(0.7, curve, 0.7 * start, looks=10)
    assert asked <= 10 and not bracket.stands
    assert 1 - 1e-6 <= bracket.high[0, 0].item() / 0.7 < 1.01
    assert bracket.low[0, 0].item() <= 0.7 * (1 + 1e-6)


def test_the_best_is_within_a_thousandth_after_six_looks_from_near() -> None:
    bracket, asked = closed(0.7, 1.3, 0.71, looks=6)
    assert asked <= 6
    assert bracket.high[0, 0].item() / 0.7 < 1.001


def test_what_never_reaches_is_given_up() -> None:
    bracket, reach = unknown(torch.tensor([-1.0])), torch.tensor([1.0])
    margin, asked = torch.tensor([-1.0]), 0
    while not is_closed(bracket, reach, 6):
        asked += 1
        bracket = narrowed(bracket, reach, reach, margin, margin > 0)
        reach = next_scale(bracket, reach, reach, margin, torch.ones(1), torch.ones(1))
    assert asked == MOST_LOOKS and bracket.stands


def test_a_look_that_would_be_the_same_again_is_not_taken() -> None:
    here = torch.tensor([1.0])
    bracket = narrowed(unknown(-here), here, here, -here, torch.tensor([False]))
    assert is_closed(bracket, here, 6)
    assert not is_closed(bracket, 2 * here, 6)
