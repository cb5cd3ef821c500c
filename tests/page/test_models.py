"""What the page says of its models, while they are loaded and where one cannot be."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pasunchat.classifiers.shipped import PREFIX, SHIPPED, TO_BE_WRAPPED, shipped_folder
from pasunchat.page import models


def test_one_that_cannot_be_loaded_leaves_the_others(
    settings: Any, ask_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = models.loaded

    def loaded(name: str) -> Any:
        if name == "tiny":
            raise RuntimeError("no memory")
        return load(name)

    monkeypatch.setattr(models, "loaded", loaded)
    with ask_of(replace(settings, models=("mine", "tiny"))) as asker:
        answer = asker.get("/models")
        assert answer.status_code == 200
        assert [each["name"] for each in answer.json()[:2]] == ["runs/mine", "tiny"]
        assert answer.json()[0]["layers"] and not answer.json()[1]["layers"]


def test_networks_are_loaded_once_the_first_screen_stands(
    settings: Any, ask_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "PATIENCE", 60.0)
    with ask_of(settings) as asker:
        mine = asker.page.models.first
        with pytest.raises(TimeoutError):
            mine.asked.result(0.3)
        assert asker.get("/models").json()[0]["layers"]


def test_without_a_name_the_first_is_plain_and_those_trained_against_changes_come_last() -> None:
    names = [name.removeprefix(PREFIX) for name in models.usual()]
    recipes = [json.loads((shipped_folder(name) / "recipe.json").read_text()) for name in names]
    defended = [recipe.get("defend") is not None for recipe in recipes]
    assert names[0] == models.FIRST and sorted([*names, *TO_BE_WRAPPED]) == sorted(SHIPPED)
    assert not defended[0] and any(defended) and defended == sorted(defended)
