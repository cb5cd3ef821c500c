"""A search from the button to the file: what it says, when it ends, and that the command does the
same."""

import io
import json
import re
import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pasunchat.__main__ import run as run_command
from pasunchat.errors import PasunchatError
from pasunchat.fooled.film import growing
from pasunchat.fooled.survival import LADDER
from pasunchat.page.search_job import Tries

Draw = Callable[..., bytes]
ORDER = ["place", "begun", "tries", "found", "film", "control", "survival", "model", "done"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that take their time, however small the network."""
    hear = Tries.hear

    def slowly(self: Tries, *heard: Any) -> None:
        time.sleep(0.05)
        hear(self, *heard)

    monkeypatch.setattr(Tries, "hear", slowly)


def image(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_search_says_what_happens_in_its_order(asker: Any, draw: Draw) -> None:
    events = asker.events(asker.fool(asker.photo(draw())))
    names = [name for name, _ in events]
    assert list(dict.fromkeys(names)) == ORDER
    assert names.count("survival") == len(LADDER)
    tries = [each for name, said in events if name == "tries" for each in said]
    assert [each["i"] for each in tries] == list(range(1, len(tries) + 1))
    assert tries[0]["size"] == 0 and not tries[0]["reached"]
    assert any(each["reached"] for each in tries)


def test_what_was_found_adds_up(asker: Any, draw: Draw) -> None:
    photo = asker.photo(draw())
    attack = asker.fool(photo)
    said = dict(asker.events(attack))
    found, change = said["found"], said["found"]["change"]
    goal = found["goal"]
    assert found["fooled"] and found["status"] == "reached"
    assert found["probabilities"]["photo"] == photo["probabilities"]
    assert found["probabilities"]["changed"][goal] > 0.6
    assert change["still"] + change["values"] == change["total"] == sum(change["counts"])
    assert change["max"] == len(change["counts"]) - 1
    square = sum(k * k * n for k, n in enumerate(change["counts"]))
    assert change["typical"] == pytest.approx((square / change["total"]) ** 0.5)
    assert change["l2"] == pytest.approx(square**0.5 / 255)
    assert said["film"][0][:2] == [0, pytest.approx(photo["probabilities"][goal])]
    assert said["film"][-1][:2] == [
        pytest.approx(change["typical"]),
        pytest.approx(found["probabilities"]["changed"][goal]),
    ]
    assert len(said["film"]) == 29
    assert [len(said["control"][name]) for name in ("draws", "labels", "times32", "labels32")] == [
        *(8, 8, 4, 4)
    ]


def test_its_files_are_what_was_judged(asker: Any, draw: Draw) -> None:
    attack, found = asker.fooled(draw())
    ids = found["request"]["photo"], found["picture"]
    photo, picture = (image(asker.get(f"/photo/{each}/seen.png").content) for each in ids)
    changed, change, random = (
        asker.get(f"/attack/{attack}/{name}.png").content
        for name in ("changed", "change", "random")
    )
    assert np.array_equal(image(changed), picture)
    assert np.array_equal(image(change).astype(int) - 128, picture.astype(int) - photo)
    noise = image(random).astype(int) - photo
    assert np.sqrt((noise**2).sum()) / 255 == pytest.approx(found["change"]["l2"], rel=0.02)
    frames = growing(photo, picture)
    film = Image.open(io.BytesIO(asker.get(f"/attack/{attack}/film.webp").content))
    assert film.n_frames > 1 and len(frames) == 29
    report = asker.get(f"/attack/{attack}/report.html")
    assert report.headers["content-disposition"].startswith("attachment")
    assert "<script" not in report.text and "pasunchat verify" in report.text
    french = asker.get(f"/attack/{attack}/report.html?lang=fr").text
    assert '<html lang="fr">' in french and "Ce qui s’est passé" in french
    facts = asker.get(f"/attack/{attack}/facts.json").json()
    assert facts["change"] == found["change"] and facts["photo"]["photo"] == ids[0]
    assert facts["tries"] and len(facts["survival"]) == len(LADDER)


def test_its_receipt_holds_where_it_is_dropped_again(asker: Any, draw: Draw) -> None:
    attack, found = asker.fooled(draw())
    changed = asker.get(f"/attack/{attack}/changed.png").content
    receipt = asker.photo(changed)["receipt"]
    assert receipt["state"] == "holds" and receipt["max"] == found["change"]["max"]
    assert receipt["p"] == pytest.approx(max(found["probabilities"]["changed"]))
    assert asker.photo(draw())["receipt"] is None


def test_a_receipt_does_not_hold_for_other_pixels(asker: Any, draw: Draw) -> None:
    attack, _ = asker.fooled(draw())
    opened = Image.open(io.BytesIO(asker.get(f"/attack/{attack}/changed.png").content))
    from PIL.PngImagePlugin import PngInfo

    texts, file = PngInfo(), io.BytesIO()
    texts.add_text("pasunchat", opened.info["pasunchat"])
    pixels = np.asarray(opened).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(file, "PNG", pnginfo=texts)
    receipt = asker.photo(file.getvalue())["receipt"]
    assert receipt["state"] == "not" and "pixels" in receipt["findings"][0]


def test_a_damaged_receipt_is_said_to_be_none(asker: Any) -> None:
    from PIL.PngImagePlugin import PngInfo

    texts, file = PngInfo(), io.BytesIO()
    texts.add_text("pasunchat", "{")
    Image.new("RGB", (32, 32)).save(file, "PNG", pnginfo=texts)
    assert asker.photo(file.getvalue())["receipt"]["state"] == "not"


@pytest.mark.parametrize(
    "more",
    [{}, {"norm": "linf", "seed": 3}, {"attack": "learned-noise"}, {"survive": True}],
    ids=["usual", "linf", "talk", "survive"],
)
def test_the_command_that_is_told_gives_the_same_pixels(
    asker: Any, draw: Draw, tmp_path: Path, more: dict[str, Any]
) -> None:
    data = draw(4)
    (tmp_path / "rex.png").write_bytes(data)
    attack, found = asker.fooled(data, confidence=0.6, **more)
    words = shlex.split(found["command"])
    assert words[:3] == ["pasunchat", "fool", "rex.png"]
    assert run_command([*words[1:], "--output", "fooled"]) in (0, 1)
    (written,) = (tmp_path / "fooled").glob("*/rex.*.png")
    changed = asker.get(f"/attack/{attack}/changed.png").content
    assert np.array_equal(image(written.read_bytes()), image(changed))
    assert written.read_bytes() == changed  # the receipt too


def test_a_class_that_is_read_already_is_no_goal(asker: Any, draw: Draw) -> None:
    photo = asker.photo(draw())
    was = int(np.argmax(photo["probabilities"]))
    answer = asker.post("/attack", {"photo": photo["photo"], "run": "m0", "target": was})
    assert (answer.status_code, answer.json()["key"]) == (409, "v_already")
    assert answer.json()["values"]["goal"] == ("cat", "dog")[was]


def test_what_is_found_out_later(asker: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pasunchat.page.later.PRICES", (0.3, 0.1))  # each is a long search
    attack, found = asker.fooled(draw())
    why = asker.get(f"/attack/{attack}/why").json()
    lead = found["logits"]["changed"], found["logits"]["photo"]
    goal, was = found["goal"], found["was"]
    gained = (lead[0][goal] - lead[0][was]) - (lead[1][goal] - lead[1][was])
    assert why["why"]["complete"]
    assert why["why"]["found"]["total"] == pytest.approx(gained, rel=1e-3)
    assert len(why["why"]["found"]["walk"]) == 101
    assert why["why"]["found"]["changed"] == found["change"]["values"]
    assert [row["layer"] for row in why["growth"]] == ["pixels", "0", "3", "6"] or why["growth"]
    little = asker.get(f"/attack/{attack}/little").json()
    assert [row["levels"] for row in little] == [0, 1, 2, 3, 4]
    assert little[0]["p"] == pytest.approx(found["probabilities"]["photo"][goal])
    assert all(row["p"] >= little[0]["p"] for row in little)
    price = asker.get(f"/attack/{attack}/price").json()
    assert [row["price"] for row in price] == [0.3, 0.1]
    others = asker.get(f"/attack/{attack}/others").json()
    assert [row["made_for"] for row in others["rows"]] == [None, others["models"][0]]
    facts = asker.get(f"/attack/{attack}/facts.json").json()
    assert facts["little"] == little and facts["why"]


def test_what_is_found_out_later_is_found_out_once(asker: Any, draw: Draw) -> None:
    attack, _ = asker.fooled(draw())
    first = asker.get(f"/attack/{attack}/why").json()
    task = asker.page.searches.kept[attack].later["why"]
    assert asker.get(f"/attack/{attack}/why").json() == first
    assert asker.page.searches.kept[attack].later["why"] is task


def test_listening_goes_on_after_the_last_event_heard(asker: Any, draw: Draw) -> None:
    attack = asker.fool(asker.photo(draw()))
    whole = asker.events(attack)
    assert asker.events(attack) == whole  # again from the beginning
    assert asker.events(attack, **{"Last-Event-ID": "4"}) == whole[5:]
    assert asker.events(attack, **{"Last-Event-ID": "not a number"}) == whole


def test_a_search_that_is_stopped_is_judged_like_any_other(
    asker: Any, draw: Draw, slow: None
) -> None:
    photo = asker.photo(draw())
    search = _slowly(asker, photo)
    asker.post(f"/attack/{search}/stop")
    said = dict(asker.events(search))
    found = said["found"]
    assert found["status"] == "stopped" and said["done"] == {}
    answer = int(np.argmax(found["probabilities"]["changed"]))
    assert found["fooled"] == (answer == found["goal"] and found["fooled"])
    assert "--seconds" in found["command"]
    changed = asker.get(f"/attack/{search}/changed.png").content
    assert json.loads(Image.open(io.BytesIO(changed)).info["pasunchat"])["request"]["seconds"] > 0


def test_a_search_ends_when_its_time_is_over(asker: Any, draw: Draw, slow: None) -> None:
    page = asker.page
    page.settings = replace(page.settings, limits=replace(page.settings.limits, search_seconds=0.2))
    found = dict(asker.events(_slowly(asker, asker.photo(draw()))))["found"]
    assert found["status"] == "late" and found["seconds_limit"] == 0.2


def test_one_search_at_a_time_and_the_others_see_their_place(
    asker: Any, draw: Draw, slow: None
) -> None:
    photo = asker.photo(draw())
    first = _slowly(asker, photo)
    others = [asker.fool(photo, seed=seed) for seed in (1, 2)]
    heard: dict[str, Any] = {}
    listening = [
        threading.Thread(target=lambda each=each: heard.update({each: asker.events(each)}))
        for each in others
    ]
    for each in listening:
        each.start()
    time.sleep(0.2)
    asker.post(f"/attack/{first}/stop")
    for each in listening:
        each.join(60)
    places = [[said["place"] for name, said in heard[each] if name == "place"] for each in others]
    assert places[0][-1] == 0 or places[0] == [1]
    assert places[1][0] == 2 and places[1] == sorted(places[1], reverse=True)
    assert all(heard[each][-1] == ("done", {}) for each in others)


def test_the_queue_has_an_end(asker: Any, draw: Draw, slow: None) -> None:
    photo = asker.photo(draw())
    asker.page.searches.most_waiting = 1
    first = _slowly(asker, photo)
    waiting = asker.fool(photo)
    refused = asker.post("/attack", {"photo": photo["photo"], "run": "m0"})
    assert (refused.status_code, refused.json()["key"]) == (429, "q_full")
    assert refused.json()["after_s"] > 0 and "retry-after" in refused.headers
    asker.post(f"/attack/{waiting}/stop")
    assert asker.events(waiting)[-1] == ("failed", {"key": "g_stopped", "values": {}})
    asker.post(f"/attack/{first}/stop")
    asker.events(first)


def test_a_search_ends_when_nobody_listens(served: Any, draw: Draw, slow: None) -> None:
    with served(leave_seconds=0.3) as page:
        photo = _answer(
            page, page.head("POST /photo?run=m0", f"Content-Length: {len(draw())}"), draw()
        )
        asked = {
            "photo": photo["photo"],
            "run": "m0",
            "attack": "hop-skip-jump",
            "effort": "thorough",
        }
        body = json.dumps(asked).encode()
        slow = page.app.state.page.searches
        attack = _answer(page, page.head("POST /attack", f"Content-Length: {len(body)}"), body)
        with page.socket() as line:
            line.sendall(page.head(f"GET /attack/{attack['attack']}/events"))
            heard = b""
            while b"tries" not in heard:
                heard += line.recv(4000)
            time.sleep(0.5)
            assert slow.kept[attack["attack"]].ended is None  # somebody listens
        ends = time.monotonic() + 10
        while slow.running is not None and time.monotonic() < ends:
            time.sleep(0.05)
        search = slow.kept[attack["attack"]]
    assert search.ended == "left" and slow.running is None


def test_what_is_found_out_later_ends_with_the_page(
    settings: Any, ask_of: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching, ended = threading.Event(), threading.Event()

    def endless(*_: Any, watch: Any, **__: Any) -> None:
        searching.set()
        end = time.monotonic() + 30
        while time.monotonic() < end and not watch.stopped():
            time.sleep(0.01)
        ended.set()
        raise PasunchatError("it was ended")

    with ask_of(settings) as asker:
        attack, _ = asker.fooled(draw())
        monkeypatch.setattr("pasunchat.page.later.fool", endless)
        asked = threading.Thread(target=lambda: asker.get(f"/attack/{attack}/price"), daemon=True)
        asked.start()
        assert searching.wait(10)
        asker.page.end()
        assert ended.wait(5)
        asked.join(5)


def test_a_photo_that_is_gone_is_said_to_be(asker: Any, draw: Draw) -> None:
    photo = asker.photo(draw())
    asker.page.photos.kept.clear()
    answer = asker.post("/attack", {"photo": photo["photo"], "run": "m0"})
    assert (answer.status_code, answer.json()["key"]) == (410, "g_expired")


def _slowly(asker: Any, photo: dict[str, Any]) -> str:
    """A search of many questions, at work."""
    attack = asker.fool(photo, attack="hop-skip-jump", effort="thorough")
    search = asker.page.searches.kept[attack]
    ends = time.monotonic() + 20
    while not search.facts.get("tries") and time.monotonic() < ends:
        time.sleep(0.02)
    return str(attack)


def _answer(page: Any, head: bytes, body: bytes) -> dict[str, Any]:
    with page.socket() as line:
        line.sendall(head + body)
        text = b""
        while not re.search(rb"\r\n\r\n\{.*\}$", text, re.S):
            text += line.recv(4000)
    found: dict[str, Any] = json.loads(text.partition(b"\r\n\r\n")[2])
    return found
