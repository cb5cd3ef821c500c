"""A class: who comes in, what each sees, and how often each may ask."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from pasunchat.errors import PasunchatError
from pasunchat.page.classroom import COOKIE, IDLE, Classroom, Rate, class_address
from pasunchat.page.settings import ClassLimits, Settings

Draw = Callable[..., bytes]
ADDRESS, THERE = "192.168.7.5", "http://192.168.7.5:7860"
LIMITS = ClassLimits(photos=4, questions=20, searches=2, wrong_codes=3, visitors=3)


class Class:
    """The teacher at the machine, and pupils at others."""

    def __init__(self, teacher: Any, stack: ExitStack) -> None:
        self.teacher, self.stack, self.count = teacher, stack, 0
        self.code = teacher.page.classroom.code

    def outsider(self) -> TestClient:
        """One who has not come in."""
        self.count += 1
        client = (f"192.168.7.{100 + self.count}", 50000)
        return TestClient(self.teacher.client.app, base_url=THERE, client=client)

    def enter(self, client: TestClient, code: str) -> Any:
        return client.post(
            "/code", data={"code": code}, headers={"Origin": THERE}, follow_redirects=False
        )

    def pupil(self) -> Any:
        """One who has."""
        client = self.outsider()
        assert self.enter(client, self.code).status_code == 303
        client.portal = self.teacher.client.portal  # one event loop for all
        return type(self.teacher)(client, THERE)


@pytest.fixture
def lesson(settings: Settings, ask_of: Any) -> Iterator[Class]:
    own = replace(settings, address=ADDRESS, class_limits=LIMITS)
    with ask_of(own) as teacher, ExitStack() as stack:
        yield Class(teacher, stack)


def test_without_a_class_nobody_of_the_network_is_let_in(asker: Any) -> None:
    assert asker.page.settings.host == "127.0.0.1"
    assert asker.get("/", headers={"Host": f"{ADDRESS}:7860"}).status_code == 403


def test_whoever_sits_at_the_machine_needs_no_code_and_is_shown_it(lesson: Class) -> None:
    assert lesson.teacher.page.settings.host == "0.0.0.0"
    text = lesson.teacher.get("/").text
    assert lesson.code in text and THERE in text


def test_without_the_code_there_is_only_the_question_for_it(lesson: Class, draw: Draw) -> None:
    client = lesson.outsider()
    first = client.get("/")
    assert first.status_code == 200 and 'action="/code"' in first.text
    assert first.headers["Referrer-Policy"] == "same-origin"  # so that the form names its page
    assert lesson.code not in first.text
    assert lesson.teacher.token not in first.text
    for path in ("/models", "/example/photo.png", "/photo/x/seen.png", "/attack/x/events"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["key"]) == (401, "g_code")
    headers = {**lesson.teacher.headers(), "Origin": THERE}
    assert client.post("/photo", content=draw(), headers=headers).status_code == 401


def test_at_the_machine_itself_another_address_needs_the_code_too(lesson: Class) -> None:
    """A request from elsewhere that names this machine as its host."""
    client = TestClient(
        lesson.teacher.client.app, base_url="http://127.0.0.1:7860", client=("192.168.7.9", 1)
    )
    assert 'action="/code"' in client.get("/").text


def test_with_the_code_the_page_is_there_without_it(lesson: Class) -> None:
    pupil = lesson.pupil()
    text = pupil.get("/").text
    assert pupil.token == lesson.teacher.token
    assert lesson.code not in text and '"classroom": true' in text


def test_the_code_may_be_typed_in_small_letters_and_with_spaces(lesson: Class) -> None:
    code = lesson.code.lower()
    assert lesson.enter(lesson.outsider(), f" {code[:3]} {code[3:]} ").status_code == 303


def test_the_visitors_cookie_is_for_the_page_alone(lesson: Class) -> None:
    set_cookie = lesson.enter(lesson.outsider(), lesson.code).headers["set-cookie"].lower()
    assert set_cookie.startswith(COOKIE)
    assert "httponly" in set_cookie and "samesite=strict" in set_cookie
    assert "max-age" not in set_cookie and "expires" not in set_cookie


def test_codes_cannot_be_tried_one_after_the_other(lesson: Class) -> None:
    client = lesson.outsider()
    for _ in range(LIMITS.wrong_codes):
        assert lesson.enter(client, "WRONG").status_code == 403
    refused = lesson.enter(client, lesson.code)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 61
    assert lesson.enter(lesson.outsider(), lesson.code).status_code == 303


def test_a_form_from_another_site_does_not_enter(lesson: Class) -> None:
    client = lesson.outsider()
    for origin in ("null", "http://evil.example", "http://127.0.0.1:7860"):
        answer = client.post("/code", data={"code": lesson.code}, headers={"Origin": origin})
        assert answer.status_code == 403


def test_a_cookie_that_was_not_given_lets_nobody_in(lesson: Class) -> None:
    client = lesson.outsider()
    for cookie in ("", "x", '"', "teacher"):
        answer = client.get("/models", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 401


def test_only_so_many_come_in(lesson: Class) -> None:
    for _ in range(LIMITS.visitors):
        lesson.pupil()
    assert lesson.enter(lesson.outsider(), lesson.code).status_code == 503


def test_a_photo_is_seen_by_its_owner_alone(lesson: Class, draw: Draw) -> None:
    one, other = lesson.pupil(), lesson.pupil()
    attack, found = one.fooled(draw())
    for photo in (found["picture"], found["request"]["photo"]):
        assert one.get(f"/photo/{photo}/seen.png").status_code == 200
        for stranger in (other, lesson.teacher):
            assert stranger.get(f"/photo/{photo}/seen.png").status_code == 410
            assert stranger.post(f"/photo/{photo}/ask").status_code == 410
    for stranger in (other, lesson.teacher):
        for path in ("events", "changed.png", "facts.json", "why"):
            assert stranger.get(f"/attack/{attack}/{path}").status_code == 410
        assert stranger.post(f"/attack/{attack}/stop").status_code == 410
    asked = {"photo": found["picture"], "run": "m0"}
    assert other.post("/attack", asked).status_code == 410


def test_one_photo_of_each_is_kept(lesson: Class, draw: Draw) -> None:
    one, other = lesson.pupil(), lesson.pupil()
    attack, _ = one.fooled(draw(1))
    kept = other.photo(draw(2))
    last = one.photo(draw(3))
    page = lesson.teacher.page
    assert set(page.photos.kept) == {kept["photo"], last["photo"]}
    assert one.get(f"/attack/{attack}/facts.json").status_code == 410


def test_photos_are_limited_for_each(lesson: Class, draw: Draw) -> None:
    one, other = lesson.pupil(), lesson.pupil()
    answers = [one.drop(draw(seed)) for seed in range(LIMITS.photos)]
    answers.append(one.post("/sample/dog?run=m0"))
    assert [answer.status_code for answer in answers] == [200] * LIMITS.photos + [429]
    assert answers[-1].json()["key"] == "e_rate" and answers[-1].json()["after_s"] > 0
    assert other.drop(draw()).status_code == 200


def test_questions_are_limited_for_each(lesson: Class) -> None:
    one, other = lesson.pupil(), lesson.pupil()
    answers = [one.get("/models") for _ in range(LIMITS.questions + 1)]
    assert [answer.status_code for answer in answers] == [200] * LIMITS.questions + [429]
    assert answers[-1].json()["key"] == "g_many"
    assert one.get("/health").status_code == one.get("/static/page.js").status_code == 200
    assert other.get("/models").status_code == 200


def test_searches_are_limited_for_each(lesson: Class, draw: Draw) -> None:
    one, other = lesson.pupil(), lesson.pupil()
    photo = one.photo(draw())
    for _ in range(LIMITS.searches):
        one.events(one.fool(photo))
    refused = one.post("/attack", {"photo": photo["photo"], "run": "m0"})
    assert (refused.status_code, refused.json()["key"]) == (429, "q_full")
    assert other.fool(other.photo(draw()))


def test_whoever_asks_nothing_for_long_is_forgotten(lesson: Class, draw: Draw) -> None:
    page, pupil = lesson.teacher.page, lesson.pupil()
    photo = pupil.photo(draw())
    now = page.classroom.clock()
    page.classroom.clock = lambda: now + IDLE + 1
    assert pupil.get("/models").status_code == 401
    assert photo["photo"] not in page.photos.kept


def test_a_rate_is_of_a_minute() -> None:
    rate = Rate(2)
    assert [rate.wait(at) > 0 for at in (0, 1, 2, 59, 60.5, 60.6, 61.5)] == [
        *(False, False, True, True),
        *(False, True, False),
    ]


def test_codes_differ_and_have_no_letter_that_looks_like_another() -> None:
    codes = {Classroom(ClassLimits(), lambda _: None, lambda: 0.0).code for _ in range(50)}
    assert len(codes) == 50
    assert not set("".join(codes)) & set("IO01")


def test_without_a_network_there_is_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.socket.connect", unreachable)
    with pytest.raises(PasunchatError, match="expected a local network"):
        class_address()
