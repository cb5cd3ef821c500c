"""A proof from the request to the last event: what it says, when it ends, for which networks."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pasunchat.certificates.certify import certify
from pasunchat.certificates.linear_bounds import Margins
from pasunchat.page.models import loaded
from pasunchat.page.photos import SHARED

Draw = Callable[..., bytes]


def begun(asker: Any, photo: dict[str, Any]) -> str:
    answer = asker.post(f"/photo/{photo['photo']}/proof?run=m0")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["proof"])


def events(asker: Any, proof: str) -> list[tuple[str, Any]]:
    text = asker.get(f"/proof/{proof}/events").text
    return [(n, json.loads(d)) for n, d in re.findall(r"event: (\w+)\ndata: (.*)\n", text)]


def test_it_proves_what_the_library_proves_and_says_so_on_its_way(asker: Any, draw: Draw) -> None:
    photo = asker.photo(draw())
    said = events(asker, begun(asker, photo))
    assert list(dict.fromkeys(name for name, _ in said)) == [
        *("place", "begun", "so_far", "found", "done")
    ]
    found = dict(said)["found"]
    classifier = loaded("mine")
    square = asker.page.photos.get(photo["photo"], "").squares["m0"]
    (same,) = certify(classifier, [square], norm="linf", effort="quick")
    assert found["levels"] == pytest.approx(255 * same.radius) and found["levels"] > 0
    assert found["label"] == int(np.argmax(photo["probabilities"])) == same.label
    so_far = [each["levels"] for name, each in said if name == "so_far"]
    assert so_far == sorted(so_far) and so_far[-1] == found["levels"]
    assert [each["bounds"] for name, each in said if name == "so_far"][-1] == found["bounds"]
    assert found["ended"] is None
    assert found["more"] == "pasunchat certify runs/mine rex.png"


def test_what_is_proved_lies_below_what_the_page_shows(asker: Any, draw: Draw) -> None:
    data = draw()
    proved = dict(events(asker, begun(asker, asker.photo(data))))["found"]["levels"]
    attack, found = asker.fooled(data, norm="linf")
    assert proved < found["change"]["max"]
    for row in asker.get(f"/attack/{attack}/little").json():
        assert row["label"] == found["was"] or proved < row["levels"]


def test_it_is_proved_once(asker: Any, draw: Draw) -> None:
    photo = asker.photo(draw())
    first = begun(asker, photo)
    whole = events(asker, first)
    assert begun(asker, photo) == first and events(asker, first) == whole
    assert begun(asker, asker.photo(draw(1))) != first


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs that go on until they are ended: every bound is proved as often as wanted."""
    least = Margins.least

    def again(self: Margins, *given: Any) -> float:
        while True:
            least(self, *given)

    monkeypatch.setattr(Margins, "least", again)


def test_one_that_is_stopped_says_what_is_proved_so_far(
    asker: Any, draw: Draw, endless: None
) -> None:
    proof = begun(asker, asker.photo(draw()))
    assert asker.post(f"/proof/{proof}/stop").status_code == 204
    found = dict(events(asker, proof)).get("found")
    assert found is not None and found["ended"] == "stopped" and found["levels"] == 0
    assert found["more"] == "pasunchat certify runs/mine rex.png"


def test_where_bounds_prove_nothing_votes_are_what_there_is(
    asker: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Margins, "least", lambda *_: -1.0)
    found = dict(events(asker, begun(asker, asker.photo(draw()))))["found"]
    assert found["levels"] == 0 and found["ended"] is None
    assert found["more"] == "pasunchat certify smoothed:runs/mine,sigma=0.25 rex.png"


def test_one_ends_when_its_time_is_over_and_another_may_begin(
    settings: Any, ask_of: Callable[..., Any], draw: Draw, endless: None
) -> None:
    limits = replace(settings.limits, proof_seconds=0.5)
    with ask_of(replace(settings, limits=limits)) as asker:
        photo = asker.photo(draw())
        first = begun(asker, photo)
        assert dict(events(asker, first))["found"]["ended"] == "late"
        assert begun(asker, photo) != first


def test_one_that_nobody_listens_to_ends_and_lets_the_next_begin(
    settings: Any, ask_of: Callable[..., Any], draw: Draw, endless: None
) -> None:
    limits = replace(settings.limits, leave_seconds=0.2)
    with ask_of(replace(settings, limits=limits)) as asker:
        first, second = (begun(asker, asker.photo(draw(seed))) for seed in (0, 1))
        end = time.monotonic() + 100
        while asker.page.proofs.kept[second].ended is None and time.monotonic() < end:
            time.sleep(0.02)
        assert asker.page.proofs.kept[first].ended == "left"
        assert asker.page.proofs.kept[second].ended == "left"


def test_one_that_waits_says_how_many_come_before(asker: Any, draw: Draw, endless: None) -> None:
    first, second = (begun(asker, asker.photo(draw(seed))) for seed in (0, 1))
    asker.post(f"/proof/{second}/stop")
    said = events(asker, second)
    assert ("place", {"place": 1}) in [(n, {"place": d.get("place")}) for n, d in said]
    assert said[-1] == ("failed", {"key": "g_stopped", "values": {}})
    asker.post(f"/proof/{first}/stop")
    assert events(asker, first)[-1] == ("done", {})


def test_an_error_that_nobody_foresaw_is_said_and_another_try_is_made(
    asker: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = asker.photo(draw())
    with monkeypatch.context() as broken:
        broken.setattr("pasunchat.page.models.loaded", lambda _: 1 / 0)
        first = begun(asker, photo)
        name, data = events(asker, first)[-1]
    assert (name, data["key"]) == ("failed", "g_failed")
    assert begun(asker, photo) != first


def test_a_search_goes_on_beside_it(asker: Any, draw: Draw, endless: None) -> None:
    photo = asker.photo(draw())
    proof = begun(asker, photo)
    assert asker.events(asker.fool(photo))[-1] == ("done", {})
    asker.post(f"/proof/{proof}/stop")
    assert events(asker, proof)[-1] == ("done", {})


def test_a_network_without_this_kind_of_certificate_says_which_has(
    run: Path, settings: Any, ask_of: Callable[..., Any], draw: Draw
) -> None:
    Path("bent.py").write_text(
        "from torch import nn\n"
        "def made():\n"
        "    layers = nn.Flatten(), nn.Linear(3072, 4), nn.Sigmoid(), nn.Linear(4, 2)\n"
        "    return nn.Sequential(*layers)\n"
    )
    bent = "bent:made:size=32,classes=cat/dog,scale=0..1"
    for name, said in ((bent, "take smoothed:MODEL"), ("smoothed:mine,sigma=0.1", "ask for l2")):
        with ask_of(replace(settings, models=(name,))) as asker:
            name, data = events(asker, begun(asker, asker.photo(draw())))[-1]
            assert (name, data["key"]) == ("failed", "prv_none") and said in data["values"]["why"]


def test_one_of_a_sample_is_everybodys_and_nobody_ends_it_for_others(
    asker: Any, endless: None
) -> None:
    photo = asker.post("/sample/cat?run=m0").json()
    proof = begun(asker, photo)
    kept = asker.page.proofs.kept[proof]
    assert kept.owner == SHARED
    kept.log.listeners = 2
    asker.post(f"/proof/{proof}/stop")
    assert kept.ended is None
    kept.log.listeners = 0
    asker.post(f"/proof/{proof}/stop")
    assert kept.ended == "stopped" and events(asker, proof)[-1] == ("done", {})


def test_a_proof_is_its_owners(asker: Any, draw: Draw) -> None:
    proof = begun(asker, asker.photo(draw()))
    assert asker.get("/proof/nothing/events").status_code == 410
    asker.page.proofs.kept[proof].owner = "somebody else"
    assert asker.post(f"/proof/{proof}/stop").json()["key"] == "g_expired"
    assert asker.post("/photo/nothing/proof?run=m0").status_code == 410
