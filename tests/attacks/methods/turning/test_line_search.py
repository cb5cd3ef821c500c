"""The bracket: it closes on the crossing, needs few queries, and knows when to stop."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.methods.turning.line_search import (
    FRUITLESS_QUERIES,
    Bracket,
    is_closed,
    narrowed,
    next_scale,
    whole_line,
)


def closed(crossing: float, curve: float, start: float, queries: int) -> tuple[Bracket, int]:
    """Close on margin(r) = (r/crossing)^curve - 1, the scale being the length."""
    bracket, one = whole_line(torch.tensor([-1.0])), torch.ones(1)
    length = torch.tensor([start])
    queries_made = 0
    while not is_closed(bracket, length, queries):
        queries_made += 1
        margin: Tensor = (length / crossing) ** curve - 1
        bracket = narrowed(bracket, length, length, margin, margin > 0)
        length = next_scale(bracket, length, length, margin, one / crossing, one)
    return bracket, queries_made


@pytest.mark.parametrize("curve", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("start", [0.3, 0.9, 0.999, 1.02, 1.8])
def test_it_closes_on_the_crossing(start: float, curve: float) -> None:
    bracket, queries_made = closed(0.7, curve, 0.7 * start, queries=10)
    assert queries_made <= 10 and not bracket.is_open
    assert 1 - 1e-6 <= bracket.high[0, 0].item() / 0.7 < 1.01
    assert bracket.low[0, 0].item() <= 0.7 * (1 + 1e-6)


def test_the_best_is_within_a_thousandth_after_six_queries_from_near() -> None:
    bracket, queries_made = closed(0.7, 1.3, 0.71, queries=6)
    assert queries_made <= 6
    assert bracket.high[0, 0].item() / 0.7 < 1.001


def test_what_never_reaches_is_given_up() -> None:
    bracket, length = whole_line(torch.tensor([-1.0])), torch.tensor([1.0])
    margin, queries_made = torch.tensor([-1.0]), 0
    while not is_closed(bracket, length, 6):
        queries_made += 1
        bracket = narrowed(bracket, length, length, margin, margin > 0)
        length = next_scale(bracket, length, length, margin, torch.ones(1), torch.ones(1))
    assert queries_made == FRUITLESS_QUERIES and bracket.is_open


def test_a_query_that_would_repeat_one_is_not_made() -> None:
    here = torch.tensor([1.0])
    bracket = narrowed(whole_line(-here), here, here, -here, torch.tensor([False]))
    assert is_closed(bracket, here, 6)
    assert not is_closed(bracket, 2 * here, 6)
