"""Charts: numbers go where they belong, whatever their size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pasunchat.story.charts import Axes, brief, growth, level_rows, places_of, plane, ticks, walk

SIZES = st.floats(1e-4, 1e4)


@given(st.floats(-1e4, 1e4), SIZES)
def test_ticks_lie_inside_and_are_few_round_numbers(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 10
    slack = 1e-6 * max(span, abs(low))
    assert all(low - slack <= at <= low + span + slack for at in found)
    assert list(found) == sorted(set(found))


def test_ticks_by_hand() -> None:
    assert ticks(0, 1.2) == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
    assert ticks(-4.6, 3.6) == (-4.0, -2.0, 0.0, 2.0)
    assert ticks(1, 1) == (1,)
    assert places_of((0.0, 0.5, 1.0)) == 1 and places_of((0.0, 2.0)) == 0


def test_larger_values_lie_to_the_right_and_higher() -> None:
    axes = Axes(640, 240, (0, 2), (-1, 1))
    assert axes.x(0) == axes.left and axes.x(2) == 640 - axes.right
    assert axes.y(1) == axes.top and axes.y(-1) == 240 - axes.bottom
    assert axes.line([(0, -1), (2, 1)]) == "52,192 628,12"


def test_the_lead_turns_where_the_line_crosses_nought() -> None:
    found = [float(step) for step in range(11)]
    chart = walk(640, 290, before=-4.0, found=found, random=[0.0] * 11, changed=1000)
    assert chart.crossed == 400
    assert chart.crossing == chart.axes.at((0.4, 0.0))
    never = walk(640, 290, before=-40.0, found=found, random=[0.0] * 11, changed=1000)
    assert never.crossing is None and never.crossed is None


@given(SIZES, st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_everything_of_a_plane_lies_in_the_drawing(size: float, chances: list[float]) -> None:
    film = [(size * place / 9, chance) for place, chance in enumerate(chances)]
    chart = plane(340, 270, film=film, draws=chances, tries=[(2 * size, chances[0], True)])
    places = [chart.start, chart.end, *chart.draws, *(at[:2] for at in chart.tries)]
    assert all(0 <= x <= 340 and 0 <= y <= 270 for x, y in places)


@pytest.mark.parametrize("largest", [1e-6, 0.3, 2.5])
def test_growth_of_any_size_fits(largest: float) -> None:
    chart = growth(640, 220, found=[0.0, largest], random=[0.0, 0.0])
    assert all(0 <= y <= 220 for _, y in (*chart.found_dots, *chart.random_dots))


def test_rows_of_levels_hold_every_value() -> None:
    counts = (5, 4, 3, 2, 1, 1)
    rows = level_rows(counts)
    assert rows == [(0, 0, 5), (1, 1, 4), (2, 2, 3), (3, 3, 2), (4, 5, 2)]
    assert level_rows((5, 4)) == [(0, 0, 5), (1, 1, 4)]


def test_long_names_end_with_a_mark() -> None:
    assert brief("cat") == "cat"
    assert brief("a" * 30) == "a" * 23 + "…"
