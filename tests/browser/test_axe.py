"""axe-core finds nothing serious: two languages, two themes, wide and narrow, and taught."""

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


def serious(tab: Any, *less: str) -> list[str]:
    """What it finds, in words. less: impacts that count too."""
    runner = pytest.importorskip("axe_playwright_python.sync_playwright")
    for station in ("fool", "layers", "why", "proved", "keep"):
        tab.see(station)
    tab.page.evaluate("scrollTo(0, 0)")
    found = runner.Axe().run(tab.page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in ("serious", "critical", *less)
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("lang", "width"), [("en", 1280), ("fr", 390)])
def test_the_page(open_tab: Open, lang: str, width: int, theme: str) -> None:
    tab = open_tab(viewport={"width": width, "height": 800}, color_scheme=theme)
    tab.go(f"/?lang={lang}")
    assert not serious(tab)


def test_teaching(open_tab: Open) -> None:
    tab = open_tab(viewport={"width": 1920, "height": 1080})
    tab.go("/?teach#fool")
    assert not serious(tab, "moderate")


def test_a_photo_of_ones_own_that_is_not_fooled_yet(open_tab: Open) -> None:
    tab = open_tab()
    tab.go()
    tab.page.click('[data-sample="pipe"]')
    tab.answered()
    assert not serious(tab)
