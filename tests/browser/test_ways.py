"""Ways to use the page: teaching, keys alone, print, high contrast, two tabs, a projector."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]


def test_teaching_shows_one_station_at_a_time_in_the_talks_order(open_tab: Open) -> None:
    tab = open_tab()
    tab.go("/?teach#fool")
    shown = (
        "[...document.querySelectorAll('.station')].filter((s) => s.offsetHeight).map((s) => s.id)"
    )
    assert tab.page.evaluate(shown) == ["fool"]
    assert tab.text("[data-step-of]") == "9 of 17"
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate(shown) == ["added"]
    assert tab.page.url.endswith("/?teach#added")
    tab.page.click('[data-do="prev"]')
    tab.page.click('[data-do="prev"]')
    assert tab.page.evaluate(shown) == ["sure"]
    tab.page.keyboard.press("Escape")
    assert len(tab.page.evaluate(shown)) == 17
    assert "teach" not in tab.page.url


def test_every_step_of_the_talk_is_there(open_tab: Open) -> None:
    tab = open_tab()
    tab.go("/?teach")
    names = []
    for _ in range(17):
        names.append(tab.text("[data-step-name]"))
        tab.page.keyboard.press("ArrowRight")
    assert len(set(names)) == 17
    assert names[0] == "Ceci n’est pas un chat" and names[-1] == "Take it with you"
    assert tab.page.is_disabled('[data-do="next"]')


def test_by_keys_alone(open_tab: Open, pictures: Path) -> None:
    tab = open_tab()
    tab.go()
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.className") == "skip"
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.dataset.sample") == "pipe":
            break
    tab.page.keyboard.press("Enter")
    tab.answered()
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.dataset.do") == "fool":
            break
    tab.page.keyboard.press("Enter")
    tab.fooled()
    assert "→" in tab.text("[data-verdict]")
    ring = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring != "none"


def test_typing_is_no_command(tab: Any) -> None:
    tab.page.click("summary")
    tab.page.fill('[data-option="seed"]', "3")
    tab.page.focus('[data-option="seed"]')
    tab.page.keyboard.press("t")
    assert not tab.page.query_selector("html.teaching")


def test_the_live_region_is_silent_while_it_plays(open_tab: Open) -> None:
    tab = open_tab(reduced_motion="no-preference")
    tab.go()
    assert tab.page.get_attribute(".verdict", "aria-live") == "polite"
    tab.page.click('[data-do="fool"]')
    assert tab.page.get_attribute(".verdict", "aria-live") == "off"
    tab.page.click('[data-do="fool"]')
    tab.fooled()
    assert tab.page.get_attribute(".verdict", "aria-live") == "polite"


def test_high_contrast_keeps_marks_and_bars(open_tab: Open) -> None:
    tab = open_tab(forced_colors="active")
    tab.go()
    colours = tab.page.evaluate(
        "[...document.querySelectorAll('.answer .mk')]"
        ".map((m) => getComputedStyle(m).backgroundColor)"
    )
    assert len(set(colours)) == 2


def test_paper_has_the_stations_without_the_controls(tab: Any) -> None:
    tab.page.emulate_media(media="print")
    for query in (".bar-top", ".controls", ".drop", ".do", ".story button.quiet", ".files"):
        assert not tab.page.locator(query).first.is_visible(), query
    for query in ("#see-h", "#why-h", ".pic"):
        assert tab.page.locator(query).is_visible(), query


@pytest.mark.parametrize("width", [390, 1024, 1280, 1920])
def test_nothing_is_wider_than_the_window(open_tab: Open, width: int) -> None:
    tab = open_tab(viewport={"width": width, "height": 900})
    tab.go("/?lang=fr")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    side = tab.page.locator(".pic").bounding_box()["width"]
    assert side == {390: 358, 1024: 336, 1280: 448, 1920: 672}[width]


def test_two_tabs_do_not_know_each_other(open_tab: Open, pictures: Path) -> None:
    first, second = open_tab(), open_tab()
    first.go()
    second.go()
    first.open_file(pictures / "cat.jpg")
    assert second.text("[data-lead]").startswith("You see a cat.")
    second.page.click('[data-sample="pipe"]')
    second.answered()
    second.fool()
    first.fool()
    for tab in (first, second):
        assert "→" in tab.text("[data-verdict]")
    assert first.page.get_attribute("img.under", "src") != second.page.get_attribute(
        "img.under", "src"
    )
