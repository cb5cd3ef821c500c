"""What can never fool it: one axis, what is proved and what is shown, what is said meanwhile."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pasunchat.story.wording import Words

Open = Callable[..., Any]
W = Words("en")
HERE = Path(__file__).parent
FOUND = {"levels": 0.25, "label": 0, "bounds": 7, "ended": None, "more": "pasunchat certify x"}


class Told:
    """A proof whose events are told here, in the place of the server."""

    def __init__(self, tab: Any) -> None:
        self.tab, self.stopped, self.asked = tab, 0, 0
        self.events: list[tuple[str, Any]] = []
        tab.page.route("**/proof?**", self._begin)
        tab.page.route("**/proof/told/events", self._tell)
        tab.page.route("**/proof/told/stop", self._stop)

    def _begin(self, route: Any) -> None:
        self.asked += 1
        route.fulfill(status=202, content_type="application/json", body='{"proof": "told"}')

    def _tell(self, route: Any) -> None:
        body = "".join(
            f"id: {place}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
            for place, (name, data) in enumerate(self.events)
        )
        route.fulfill(content_type="text/event-stream", body=body)

    def _stop(self, route: Any) -> None:
        self.stopped += 1
        route.fulfill(status=204)

    def found(self, **more: Any) -> None:
        """It ends with this."""
        self.events = [("begun", {}), ("found", {**FOUND, **more}), ("done", {})]
        self.tab.see("proved")


@pytest.fixture
def told(tab: Any) -> Told:
    return Told(tab)


def note(tab: Any) -> str:
    return tab.text("[data-proved-note]")


def test_proved_and_shown_stand_on_one_axis(tab: Any) -> None:
    """The real thing, of the finished example: what was found in levels counts, however small."""
    tab.complete()
    tab.see("little")
    tab.until("document.querySelectorAll('[data-little-bar] .row').length")
    tab.see("proved")
    said = tab.text("[data-regions]")
    proved = re.search(r"Proved\. No change of ([\d.]+) of 255 levels or less", said)
    shown = re.search(r"Shown\. A change of (\d+) of 255 levels does: it answers “dog”", said)
    assert proved and shown and 0 < float(proved[1]) < int(shown[1])
    assert W["lit_h"] in said and "Not known." in said and not note(tab)
    label = tab.page.get_attribute("[data-axis] .wide", "aria-label")
    assert f"Up to {proved[1]} of 255 levels: cat, proved." in label and "dog, shown" in label
    bar = "q => document.querySelector(`[data-axis] .wide ${q}`)"
    widths = [tab.page.evaluate(f"({bar})('.{part}').width.baseVal.value") for part in
              ("proved", "unknown", "shown")]  # fmt: skip
    assert widths[0] / (widths[0] + widths[1]) == pytest.approx(
        float(proved[1]) / int(shown[1]), abs=0.02
    )
    assert tab.text("[data-prove]").startswith("pasunchat certify simple")


def test_where_nothing_was_found_yet_nothing_is_shown(tab: Any, told: Told) -> None:
    tab.page.click('[data-sample="cat"]')
    tab.answered()
    told.found()
    said = tab.text("[data-regions]")
    assert "0.25 of 255 levels" in said and W.t("prv_unknown_all") in said
    assert "Shown" not in said and not tab.page.query_selector("[data-axis] .shown")


def test_a_search_in_another_norm_is_measured_here_and_said_to_be(open_tab: Open) -> None:
    """The example's change, as long as no search within levels has been told of."""
    tab = open_tab()

    def without_little(route: Any) -> None:
        page = route.fetch()
        head, boot, tail = re.split(r'(?<=id="boot">)(.*?)(?=</script>)', page.text())
        facts = json.loads(boot)
        del facts["facts"]["little"]
        route.fulfill(response=page, body=head + json.dumps(facts) + tail)

    tab.page.route("**/?plain", without_little)
    tab.page.route("**/little", lambda route: route.abort())
    tab.go("/?plain")
    Told(tab).found()
    said = tab.text("[data-regions]")
    assert W["norm_l2"] in said and "A change of 9 of 255 levels does" in said


def test_more_is_never_said_than_is_proved(tab: Any, told: Told) -> None:
    told.found(levels=0.0999)
    assert "No change of 0.099 of 255 levels or less" in tab.text("[data-regions]")


def test_where_nothing_is_proved_it_says_so(tab: Any, told: Told) -> None:
    told.found(levels=0)
    assert W.t("prv_nothing") in tab.text("[data-regions]")
    assert tab.text("[data-more-p]") == W["prv_instead"]
    assert not tab.page.query_selector("[data-axis] .proved")


def test_stopped_before_the_first_radius_is_no_verdict_on_the_network(tab: Any, told: Told) -> None:
    told.found(levels=0, ended="late")
    assert W.t("prv_nothing_yet") in tab.text("[data-regions]")
    assert W["prv_late"] in note(tab) and tab.text("[data-more-p]") == W["prv_more"]


def test_an_error_is_said(tab: Any, told: Told) -> None:
    told.events = [("failed", {"key": "g_failed", "values": {"why": "no memory"}})]
    tab.see("proved")
    tab.until("!document.querySelector('#proved .later').hidden")
    assert W.t("prv_failed", why="no memory") == tab.text("#proved .later")


def test_proved_beyond_shown_is_a_fault_and_is_said(tab: Any, told: Told) -> None:
    told.found(levels=12.0)
    assert "One of the two is wrong" in note(tab) and "12 of 255 levels" in note(tab)
    assert tab.page.query_selector("[data-proved-note] .wrong")


def test_one_waits_and_says_so(tab: Any, told: Told) -> None:
    told.events = [("place", {"place": 2, "about_s": 9.0})]
    tab.page.evaluate("document.getElementById('proved').scrollIntoView()")
    tab.until("document.querySelector('[data-proved-note] .busy')")
    tab.until("document.querySelector('[data-proved-note]').textContent.includes('Before yours')")
    assert note(tab) == W.t("prv_wait", n=2)


def test_it_can_be_stopped_by_keys_and_goes_on(tab: Any, told: Told) -> None:
    told.events = [("begun", {}), ("so_far", {"levels": 0.02, "bounds": 3})]
    tab.page.evaluate("document.getElementById('proved').scrollIntoView()")
    tab.until("document.querySelector('[data-axis] .proved')")
    tab.page.focus("[data-proving]")
    tab.page.keyboard.press("Enter")
    tab.until("true")
    told.events = [("found", {**FOUND, "levels": 0.02, "ended": "stopped"}), ("done", {})]
    tab.until(f"document.querySelector('[data-proved-note]').textContent.includes("
              f"{W['prv_stopped']!r})")  # fmt: skip
    assert told.stopped and "0.02 of 255 levels" in tab.text("[data-regions]")
    told.found()
    tab.page.click("[data-proved-note] button")
    tab.until("document.querySelector('[data-regions]').textContent.includes('0.25')")
    assert told.asked == 2


def test_another_photo_ends_it(tab: Any, told: Told) -> None:
    told.events = [("begun", {})]
    tab.page.evaluate("document.getElementById('proved').scrollIntoView()")
    tab.until("document.querySelector('[data-proving]')")
    tab.page.evaluate("""document.querySelector('[data-sample="cat"]').click()""")
    tab.answered()
    assert told.stopped


def test_a_network_without_such_a_proof_says_which_has_one(
    open_tab: Open, make_served: Callable[..., Any], tmp_path: Path, pictures: Path
) -> None:
    (tmp_path / "odd_networks.py").write_text((HERE / "odd_networks.py").read_text())
    with make_served(tmp_path, "odd_networks:never_sure") as odd:
        tab = open_tab(odd)
        tab.go("/?run=m0")
        tab.answered()
        tab.complete()
        tab.open_file(pictures / "cat.jpg")
        tab.see("proved")
        tab.until("!document.querySelector('#proved .later').hidden")
        said = tab.text("#proved .later")
        assert "no proof of this kind" in said and "take smoothed:MODEL" in said
        assert not tab.page.query_selector("#proved .wrong")


@pytest.mark.parametrize(("lang", "width"), [("fr", 390), ("en", 1280)])
def test_nothing_stands_beside_the_screen(open_tab: Open, lang: str, width: int) -> None:
    tab = open_tab(viewport={"width": width, "height": 800})
    tab.go(f"/?lang={lang}")
    told = Told(tab)
    told.found()
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    assert_inside(tab)
    tab.page.click('[data-sample="cat"]')  # of which nothing is shown
    tab.answered()
    tab.see("proved")
    assert_inside(tab)


def assert_inside(tab: Any) -> None:
    """No word of the axis is cut off."""
    axis = "[...document.querySelectorAll('[data-axis] svg')].find((s) => s.clientWidth)"
    assert tab.page.evaluate(
        f"[...({axis}).querySelectorAll('text')].every((text) => {{ const {{ x, width }} ="
        f" text.getBBox(), {{ viewBox }} = text.ownerSVGElement;"
        f" return x >= 0 && x + width <= viewBox.baseVal.width; }})"
    )
