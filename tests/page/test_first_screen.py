"""The page's HTML says what the facts say, in both languages, before any script."""

import json
import re
from html import unescape
from typing import Any

import pytest

from pasunchat.page.first_screen import first_screen, rows_of

MODEL = {
    "run": "m0",
    "name": "simple",
    "classes": ["cat", "dog"],
    "size": 224,
    "parameters": 30178,
    "accuracy": {"value": 0.871, "low": 0.858, "high": 0.884, "photos": 2472},
    "shipped": True,
}
FACTS: dict[str, Any] = {
    "photo": {"whole": {}},
    "was": 0,
    "goal": 1,
    "probabilities": {"photo": [0.978, 0.022], "changed": [0.05, 0.95]},
}
EXAMPLE = {"photo": "/example/photo.png", "changed": "/example/changed.png"}


def page(lang: str = "en", **changes: Any) -> str:
    boot = {
        "lang": lang,
        "models": [MODEL],
        "run": "m0",
        "facts": FACTS,
        "example": EXAMPLE,
        "samples": [{"name": "pipe", "url": "/example/sample-pipe.webp"}],
        "classroom": False,
        **changes,
    }
    return first_screen(boot, token="secret")


def text_of(html: str) -> str:
    body = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", body)).split())


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("en", ("So did this network: cat, 98 %.", "Right on 87.1 % of 2,472 test photos")),
        ("fr", ("Ce réseau aussi : chat, 98 %.", "Juste pour 87,1 % des 2 472 photos")),
    ],
)
def test_both_answers_and_the_accuracy_are_there(lang: str, sentences: tuple[str, ...]) -> None:
    text = text_of(page(lang))
    for sentence in sentences:
        assert sentence in text


def test_nothing_inline_that_the_policy_forbids() -> None:
    html = page()
    assert "style=" not in html
    assert not re.search(r"\son\w+=", html)
    assert re.findall(r"<script(.*?)>", html) == [
        ' type="module" src="/static/first.js"',
        ' type="application/json" id="boot"',
    ]


def test_a_name_is_text_wherever_it_stands() -> None:
    name = '</script><b>cat & "co"'
    model = {**MODEL, "classes": [name, "dog"], "name": name}
    html = page(models=[model])
    assert "</script><b>" not in html
    assert name in text_of(html)
    boot = re.search(r'id="boot">(.*?)</script>', html, re.S)
    assert boot and json.loads(boot[1])["models"][0]["name"] == name


def test_every_picture_states_its_size() -> None:
    for image in re.findall(r"<img[^>]*>", page()):
        assert re.search(r'width="\d+" height="\d+"', image), image


def test_of_many_classes_the_largest_have_a_bar_the_answer_and_the_goal_among_them() -> None:
    before, after = [0.0] * 10, [0.0] * 10
    before[3], before[1], after[7], after[2] = 0.9, 0.1, 0.8, 0.2
    assert rows_of(before, after, was=3, goal=9) == [3, 9, 7, 2, 1]
    assert rows_of(before[:6], after[:6], 3, 5) == list(range(6))
