from itertools import pairwise

import pytest

from pasunchat.training.recipe import Recipe
from pasunchat.training.schedule import rate


def test_the_talk_s_rate_never_changes() -> None:
    assert {rate(Recipe(), step, 100) for step in range(100)} == {1.0}


def test_rises_in_a_line_and_falls_along_a_cosine() -> None:
    recipe = Recipe(warmup=10, final_lr=0.01)
    rates = [rate(recipe, step, 1001) for step in range(1001)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1, abs=1e-3)
    assert rates[500] == pytest.approx((1 + 0.01) / 2)
    assert rates[-1] == pytest.approx(0.01)
    assert all(a >= b for a, b in pairwise(rates[10:]))
