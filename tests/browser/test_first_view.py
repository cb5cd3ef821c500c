"""The first view: the finished example, true before any script, moved by hand, in two languages."""

from collections.abc import Callable
from typing import Any

Open = Callable[..., Any]


def test_it_is_true_without_any_script(open_tab: Open) -> None:
    tab = open_tab(java_script_enabled=False)
    tab.page.goto(tab.served.address)
    assert "cat, 98 %" in tab.text("[data-lead]") and "dog, 95 %" in tab.text("[data-lead]")
    assert tab.text(".tag.right") == "dog 95 %"
    assert tab.text("[data-answer]").split() == ["cat", "5", "%", "dog", "95", "%"]
    assert "Knows cat and dog" in tab.text("[data-facts]")


def test_the_script_says_the_same(tab: Any, open_tab: Open) -> None:
    plain = open_tab(java_script_enabled=False)
    plain.page.goto(plain.served.address)
    tab.page.wait_for_timeout(300)
    for query in ("[data-lead]", "[data-lead2]", "[data-facts]", "[data-answer]", ".tag.left"):
        assert tab.text(query) == plain.text(query), query


def test_nothing_moves_by_itself_while_it_loads(open_tab: Open) -> None:
    tab = open_tab()
    tab.page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const entry of"
        " list.getEntries()) window.shift += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    tab.go()
    tab.page.wait_for_timeout(800)
    assert tab.page.evaluate("window.shift") < 0.01


def test_the_line_is_moved_by_pointer_and_by_keys(tab: Any) -> None:
    box = tab.page.locator(".pic").bounding_box()
    tab.page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + 100)
    wiped = float(tab.page.input_value(".wipe"))
    assert 20 < wiped < 30
    assert tab.page.evaluate("document.querySelector('.pic').style.getPropertyValue('--wipe')") == (
        f"{wiped:g}%"
    )
    tab.page.keyboard.press("ArrowRight")
    assert float(tab.page.input_value(".wipe")) == wiped + 1


def test_the_bars_say_what_is_shown(tab: Any) -> None:
    for which, said in (("photo", "cat 98 % dog 2 %"), ("changed", "cat 5 % dog 95 %")):
        tab.page.check(f"input[name=show][value={which}]", force=True)
        assert tab.text("[data-answer]") == said
        assert tab.page.get_attribute(".subject", "data-show") == which


def test_blinking_shows_one_then_the_other_while_held(open_tab: Open) -> None:
    tab = open_tab(reduced_motion="no-preference")
    tab.go()
    tab.page.hover('[data-do="blink"]')
    tab.page.mouse.down()
    seen = set()
    for _ in range(12):
        seen.add(tab.page.evaluate("document.querySelector('.over').classList.contains('on')"))
        tab.page.wait_for_timeout(100)
    tab.page.mouse.up()
    assert seen == {True, False}
    assert not tab.page.evaluate("document.querySelector('.subject.blinking')")


def test_who_asked_for_less_motion_sees_the_photo_while_held(tab: Any) -> None:
    tab.page.keyboard.down("b")
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.over')).visibility") == (
        "hidden"
    )
    tab.page.keyboard.up("b")
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.over')).visibility") == (
        "visible"
    )


def test_the_line_swings_once_and_ends_where_it_was(open_tab: Open) -> None:
    tab = open_tab(reduced_motion="no-preference")
    tab.go()
    most = 50.0
    for _ in range(40):
        most = max(most, float(tab.page.input_value(".wipe")))
        tab.page.wait_for_timeout(60)
    assert 55 < most <= 66
    tab.until("Math.abs(document.querySelector('.wipe').value - 50) < 1")


def test_the_theme_changes_and_the_maps_with_it(tab: Any) -> None:
    wall = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(wall)
    tab.page.click('[data-do="theme"]')
    assert tab.page.evaluate(wall) != light
    tab.page.click('[data-do="theme"]')
    assert tab.page.evaluate(wall) == light


def test_in_french_at_the_same_place(tab: Any) -> None:
    tab.page.evaluate("location.hash = '#why'")
    tab.page.click("[data-language]")
    tab.page.locator("html[lang=fr][data-ready]").wait_for(state="attached")
    assert tab.page.url.endswith("/?lang=fr#why")
    assert "chat, 98 %" in tab.text("[data-lead]")
    assert "valeurs : chien" in tab.text("[data-walk]") or "valeurs" in tab.page.inner_html(
        "[data-walk]"
    )
    text = tab.page.inner_text("main")
    assert not [word for word in ("undefined", "NaN", "null", "{") if word in text]


def test_no_sentence_is_left_open(tab: Any) -> None:
    for station in (
        "see",
        "sure",
        "fool",
        "added",
        "random",
        "why",
        "survive",
        "proved",
        "others",
        "keep",
    ):
        tab.see(station)
    text = tab.page.inner_text("main")
    assert not [word for word in ("undefined", "NaN", "null", "{") if word in text]
