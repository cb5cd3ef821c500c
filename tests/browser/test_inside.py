"""The stations on the inside say what the program's functions say."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pasunchat.classifiers.load import load
from pasunchat.explain import layer_maps, unit, votes


@pytest.fixture(scope="module")
def inside(make_tab: Callable[..., Any], served: Any) -> Iterator[Any]:
    """The finished example, its networks loaded."""
    with make_tab(served) as tab:
        tab.go()
        tab.complete()
        yield tab


@pytest.fixture(scope="module")
def photo() -> Any:
    """The example's photo."""
    import pasunchat.page

    folder = Path(pasunchat.page.__file__).parent / "example"
    return np.asarray(Image.open(folder / "file-photo.png").convert("RGB"))


def point(tab: Any, query: str, x: float, y: float) -> None:
    """Point at a place of a picture, as shares of its sides."""
    tab.page.locator(query).scroll_into_view_if_needed()
    box = tab.page.locator(query).bounding_box()
    tab.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("+", ""))


def test_pixels_are_the_photos(inside: Any, photo: Any) -> None:
    inside.see("numbers")
    inside.until("document.querySelectorAll('[data-pixels] > div').length === 36")
    cells = inside.page.locator("[data-pixels] > div").all_inner_texts()
    shown = np.array([[int(v) for v in cell.split()] for cell in cells]).reshape(6, 6, 3)
    assert (shown == photo[78:84, 81:87]).all()
    point(inside, ".pic", 0.5, 0.25)
    inside.until("document.querySelector('[data-pixels-at]').textContent.startsWith('rows 53')")


def test_a_unit_is_taken_apart(inside: Any, photo: Any) -> None:
    inside.see("sum")
    inside.until("document.querySelectorAll('[data-grids] .trio').length === 3")
    inside.page.locator('[data-do="kernel"]').fill("6")
    point(inside, "[data-unit-map]", 60.5 / 112, 40.5 / 112)
    known = unit(load("simple"), photo, "conv1", 5, 40, 60)
    inside.until(
        "v => Math.abs(Number(document.querySelector('[data-t=sum]').textContent"
        ".replace('−', '-')) - v) < 0.0006",
        known.sum,
    )
    assert number(inside.text('[data-t="bias"]')) == pytest.approx(known.bias, abs=6e-4)
    assert number(inside.text('[data-t="max"]')) == pytest.approx(known.value, abs=6e-4)
    products = inside.page.locator(".trio .g3:last-child i").all_inner_texts()
    assert sum(map(number, products)) == pytest.approx(known.sum, abs=0.005 * 27)
    left, top, size = known.sees
    point(inside, "[data-unit-map]", 60.6 / 112, 40.6 / 112)
    shade = inside.page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector(".pic .rf"), pen = canvas.getContext("2d");
          const at = (v) => Math.round((v * canvas.width) / 224);
          return [[x, y], [1, 1]].map(([a, b]) => pen.getImageData(at(a), at(b), 1, 1).data[3]);
        }""",
        [left + size / 2, top + size / 2],
    )
    assert shade[0] == 0 and shade[1] > 0


def test_it_slides_and_a_touch_stops_it(inside: Any) -> None:
    inside.see("sum")
    inside.page.click('[data-do="slide"]')
    first = inside.page.get_attribute("[data-unit-map] .cross", "style")
    inside.until(
        "s => document.querySelector('[data-unit-map] .cross').getAttribute('style') !== s", first
    )
    point(inside, "[data-unit-map]", 0.3, 0.3)
    assert inside.text('[data-do="slide"]') == "Slide it"


def test_the_maps_and_their_values(inside: Any, photo: Any) -> None:
    inside.see("layers")
    inside.until("document.querySelectorAll('.map').length === 48")
    inside.page.locator(".room").nth(2).locator(".map").nth(3).click(position={"x": 20, "y": 20})
    inside.until("document.querySelector('[data-open-name]').textContent === 'Layer 3, map 4'")
    inside.page.focus("[data-big]")
    inside.page.keyboard.press("ArrowLeft")
    inside.page.keyboard.press("ArrowRight")
    (maps,) = layer_maps(load("simple"), photo, ("conv3",))
    cross = inside.page.evaluate(
        "(({ left, top }) => [parseFloat(left), parseFloat(top)])"
        "(document.querySelector('[data-big] .cross').style)"
    )
    x, y = (round(share * 28 / 100 - 0.5) for share in cross)
    value = float(maps.maps[3, y, x])
    said = inside.text("[data-open-val]")
    if value > 0.01:
        assert number(said.removeprefix("value ")) == pytest.approx(value, rel=0.01, abs=0.006)
    inside.until("document.querySelectorAll('[data-terms] li').length === 4")


def test_the_difference_of_two_pictures(inside: Any) -> None:
    inside.see("layers")
    sums = []
    for which in ("photo", "diff"):
        inside.page.check(f"input[name=maps][value={which}]", force=True)
        inside.page.wait_for_timeout(400)
        inside.page.select_option('[data-do="grey"]', "layer")
        sums.append(
            inside.page.evaluate("document.querySelector('.map canvas').toDataURL().length")
        )
    assert sums[0] != sums[1]
    inside.page.check("input[name=maps][value=photo]", force=True)


def test_the_last_sum_is_drawn_place_by_place(inside: Any, photo: Any) -> None:
    inside.see("last")
    inside.until("document.querySelector('[data-totals]').textContent !== ''")
    known = votes(load("simple"), photo, 1, 0)
    assert known is not None
    totals = inside.page.locator("[data-totals] b").all_inner_texts()
    assert [number(t) for t in totals] == pytest.approx(known.totals, abs=0.006)
    assert "28 × 28 × 16 = 12,544" in inside.text("[data-votes-p]")


def test_softmax_is_dragged_and_put_back(inside: Any) -> None:
    inside.see("softmax")
    before = inside.text("[data-formula]")
    inside.page.locator('[data-do="logit"]').nth(1).fill("1.89")
    assert "50 %" in inside.text("[data-formula]")
    inside.page.click('[data-do="soft-reset"]')
    assert inside.text("[data-formula]") == before


def test_the_table_counts_every_number(inside: Any) -> None:
    inside.see("layers")
    inside.page.locator("#layers summary").click()
    assert inside.text("[data-table] .sum").endswith("30,178")
