"""What each part says while it waits, where something is wrong, and for other networks."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save
from pasunchat.story.wording import Words

Open = Callable[..., Any]
W = Words("en")
HERE = Path(__file__).parent


class Told:
    """A search whose events are told here, in the place of the server."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        tab.page.route("**/attack", self._begin)
        tab.page.route("**/attack/told/events", self._tell)
        tab.page.route("**/attack/told/stop", lambda route: route.fulfill(status=204))
        self.events: list[tuple[str, Any]] = []
        self.answer: tuple[int, dict[str, Any]] = (202, {"attack": "told", "place": 0})

    def _begin(self, route: Any) -> None:
        status, body = self.answer
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    def _tell(self, route: Any) -> None:
        body = "".join(
            f"id: {place}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
            for place, (name, data) in enumerate(self.events)
        )
        route.fulfill(content_type="text/event-stream", body=body)


@pytest.fixture
def told(tab: Any) -> Told:
    """On a sample that has not been fooled yet."""
    tab.page.click('[data-sample="cat"]')
    tab.answered()
    return Told(tab)


def note(tab: Any) -> str:
    return tab.text("[data-fool-note]")


def test_a_full_queue_says_when_to_try_again(tab: Any, told: Told) -> None:
    told.answer = (429, {"key": "q_full", "values": {}, "after_s": 20})
    tab.fool()
    assert W.t("q_full", s=20) in note(tab) and W["b_again"] in note(tab)


@pytest.fixture(scope="module")
def slow(
    tmp_path_factory: pytest.TempPathFactory, make_served: Callable[..., Any]
) -> Iterator[Any]:
    """A page whose searches take their time, and have little of it."""
    home = tmp_path_factory.mktemp("slow")
    save(build("simple:width=4", classes=("cat", "dog"), size=32, seed=1), home / "small")
    with make_served(home, "small", program=(str(HERE / "slow_page.py"),)) as found:
        yield found


def looking(open_tab: Open, served: Any, pictures: Path) -> Any:
    """A page with a photo that has not been fooled."""
    tab = open_tab(served)
    tab.go()
    tab.open_file(pictures / "cat.jpg")
    return tab


SEARCHING = "document.querySelector('[data-say]').textContent.startsWith('Searching: try')"


def test_a_search_that_is_stopped_shows_its_best(open_tab: Open, slow: Any, pictures: Path) -> None:
    tab = looking(open_tab, slow, pictures)
    tab.page.click('[data-do="fool"]')
    tab.until(SEARCHING)
    tab.page.click('[data-do="fool"]')
    tab.fooled()
    assert "Stopped. Shown is the best so far" in note(tab)


def test_a_search_that_is_late_shows_its_best(open_tab: Open, slow: Any, pictures: Path) -> None:
    tab = looking(open_tab, slow, pictures)
    tab.fool()
    assert "Time is up" in note(tab)
    assert tab.text("[data-verdict]") and "levels" in tab.text("[data-say]")


def test_one_waits_for_the_other_and_says_so(open_tab: Open, slow: Any, pictures: Path) -> None:
    first, second = (looking(open_tab, slow, pictures) for _ in range(2))
    first.page.click('[data-do="fool"]')
    first.until(SEARCHING)
    second.page.click('[data-do="fool"]')
    second.until("document.querySelector('[data-fool-note] .busy')")
    assert note(second) == W.t("q_wait", n=1)
    first.page.click('[data-do="fool"]')
    second.until(SEARCHING)
    assert not note(second)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, make_served: Callable[..., Any]) -> Iterator[Any]:
    """A page of networks that a search meets seldom."""
    home = tmp_path_factory.mktemp("odd")
    (home / "odd_networks.py").write_text((HERE / "odd_networks.py").read_text())
    names = (f"odd_networks:{name}" for name in ("never_sure", "deaf", "blind", "one_product"))
    with make_served(home, *names) as found:
        yield found


def odd_one(open_tab: Open, odd: Any, pictures: Path, place: int) -> Any:
    tab = open_tab(odd)
    tab.go(f"/?run=m{place}")
    tab.answered()
    tab.complete()
    tab.open_file(pictures / "cat.jpg")
    return tab


def test_one_that_did_not_fool_shows_the_closest_try(
    open_tab: Open, odd: Any, pictures: Path
) -> None:
    tab = odd_one(open_tab, odd, pictures, 0)
    tab.fool()
    assert "Not fooled. The closest try is still read as" in note(tab)
    assert W["b_longer"] in note(tab)
    assert tab.text('[data-do="fool"]') == W["fool_go"]


def test_a_network_that_says_the_same_of_every_picture(
    open_tab: Open, odd: Any, pictures: Path
) -> None:
    tab = odd_one(open_tab, odd, pictures, 1)
    tab.fool()
    assert W["v_flat"] in note(tab)


def test_a_network_without_layers_that_can_be_seen(
    open_tab: Open, odd: Any, pictures: Path
) -> None:
    tab = odd_one(open_tab, odd, pictures, 3)
    for station in ("sum", "layers", "last"):
        tab.see(station)
        assert W["g_net"] in tab.text(f"#{station} .later")
    tab.fool()
    tab.see("why")
    tab.until("document.querySelector('[data-why-p]').textContent.includes('Added up')")


def test_a_network_without_a_direction(open_tab: Open, odd: Any, pictures: Path) -> None:
    tab = odd_one(open_tab, odd, pictures, 2)
    assert "tells no direction" in tab.text("[data-fool-p]")
    tab.page.click("#fool summary")
    tab.page.select_option("[data-option=effort]", "quick")
    tab.fool()
    assert "→" in tab.text("[data-verdict]")
    tab.see("why")
    tab.until(f"document.querySelector('#why .later').textContent.includes({W['why_none']!r})")


def test_a_photo_that_is_no_longer_there(tab: Any, told: Told) -> None:
    told.answer = (410, {"key": "g_expired", "values": {}})
    tab.fool()
    assert W["g_expired"] in note(tab) and W["g_expired"] in tab.text("[data-drop-note]")


def test_an_error_in_a_search_is_said(tab: Any, told: Told) -> None:
    told.events = [("failed", {"key": "g_failed", "values": {"why": "no memory"}})]
    tab.fool()
    assert "no memory" in note(tab)


def test_the_server_refuses_what_is_read_so_already(tab: Any, told: Told) -> None:
    told.answer = (409, {"key": "v_already", "values": {}})
    tab.fool()
    assert W["b_right"] in note(tab)


def with_models(tab: Any, **changes: Any) -> None:
    """Load the page with what is known of its network changed."""

    def answer(route: Any) -> None:
        models = route.fetch().json()
        models[0].update(changes)
        route.fulfill(content_type="application/json", body=json.dumps(models))

    tab.page.route("**/models", answer)
    tab.go()
    tab.complete()


def test_a_network_that_ends_in_more_than_one_sum(open_tab: Open) -> None:
    tab = open_tab()
    with_models(tab, votes=False)
    tab.see("last")
    tab.until("document.querySelector('#last .note')")
    assert W["g_sum"] in tab.text("#last .later")


def test_networks_that_are_still_loading(open_tab: Open) -> None:
    tab = open_tab()

    def early(route: Any) -> None:  # as the page is before any network is there
        answer = route.fetch()
        html = re.sub(r'"layers": \[\{.*?\}\]', '"layers": []', answer.text())
        route.fulfill(response=answer, body=html)

    tab.page.route(tab.served.address + "/", early)
    tab.page.route("**/models", lambda _: None)
    tab.go()
    tab.page.evaluate("document.getElementById('layers').scrollIntoView()")
    tab.until("document.querySelector('#layers .note.busy')")
    assert W["g_torch"] in tab.text("#layers .later")


def test_the_program_ends_and_comes_back(
    open_tab: Open, make_served: Callable[..., Any], tmp_path: Path, pictures: Path
) -> None:
    with make_served(tmp_path, "simple") as own:
        tab = open_tab(own)
        tab.go()
        tab.open_file(pictures / "cat.jpg")
        own.kill()
        tab.page.click('[data-do="fool"]')
        tab.until("document.querySelector('[data-gone] .note')")
        assert "pasunchat has ended" in tab.text("[data-gone]")
        assert tab.text("[data-lead]").startswith("The network reads your photo")
        own.restart()
        tab.until("!document.querySelector('[data-gone] .note')")
        tab.fool()
        assert W["g_expired"] in note(tab)
        tab.page.set_input_files("[data-file]", pictures / "cat.png")
        tab.until("document.querySelector('.drop').dataset.state === 'done'")
        assert tab.text("[data-lead]").startswith("The network reads your photo")


@pytest.fixture(scope="module")
def three(
    tmp_path_factory: pytest.TempPathFactory, make_served: Callable[..., Any]
) -> Iterator[Any]:
    """A page of networks of three and of ten classes that know nothing yet."""
    home = tmp_path_factory.mktemp("three")
    classes = ("fox", "owl & “co”", "wolf")
    save(build("simple:width=4", classes=classes, size=64, seed=2), home / "three")
    many = tuple(f"class {number}" for number in range(10))
    save(build("simple:width=4", classes=many, size=64, seed=3), home / "ten")
    with make_served(home, "three", "ten") as found:
        yield found


def test_three_classes(open_tab: Open, three: Any, pictures: Path) -> None:
    tab = open_tab(three)
    tab.go()
    tab.answered()
    assert tab.page.locator("[data-answer] .row").count() == 3
    assert tab.page.locator("[data-answer] .mk.c3").count() == 1
    assert "this photo as" in tab.text("[data-lead]")
    tab.open_file(pictures / "cat.jpg")
    assert "64 × 64" in tab.text("[data-see]")
    assert tab.page.locator("[data-sliders] input").count() == 3
    assert tab.page.locator(".do [data-target]").is_visible()
    goals = tab.page.locator(".do [data-option=target] option").all_inner_texts()
    assert goals == ["fox", "owl & “co”", "wolf"]
    told = tab.text(".tag.left").rpartition(" ")[0].rpartition(" ")[0]
    other = next(index for index, name in enumerate(goals) if name != told)
    tab.page.select_option(".do [data-option=target]", str(other))
    tab.page.click("#fool summary")
    tab.page.select_option("[data-option=confidence]", "0")
    tab.fool()
    assert goals[other] in tab.text("[data-verdict]")
    tab.page.locator('[data-do="scrub"]').fill("3")
    tab.page.wait_for_timeout(300)
    assert "NaN" not in tab.page.inner_text("body") and "undefined" not in tab.page.inner_text(
        "body"
    )


def test_ten_classes(open_tab: Open, three: Any, pictures: Path) -> None:
    tab = open_tab(three)
    tab.go("/?run=m1")
    tab.answered()
    tab.open_file(pictures / "cat.jpg")
    assert tab.page.locator("[data-answer] .row").count() == 6
    assert "5 others" in tab.text("[data-answer]")
    assert tab.page.locator("[data-answer] .mk.c5").count() == 3
    tab.page.click("#fool summary")
    tab.page.select_option("[data-option=confidence]", "0")
    tab.fool()
    for station in ("softmax", "why", "survive"):
        tab.see(station)
    text = tab.page.inner_text("body")
    assert "NaN" not in text and "undefined" not in text
