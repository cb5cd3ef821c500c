"""The options that become a Request: the same for both commands that attack."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.main import get_command

from pasunchat.attacks.fool import Request
from pasunchat.commands import application
from pasunchat.commands.request_options import settings_in_words

PHOTO = "photos/cat/0.png"
BEFORE_AFTER = ("photo.png", "picture.png")


def mask_file(path: str, width: int, height: int, *, white: int) -> str:
    """A mask whose first `white` columns may change."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, :white] = 255
    Image.fromarray(pixels).save(path)
    return path


def changed(folder: Path) -> NDArray[np.bool_]:
    """Which pixels of a fooled photo changed, [H, W]."""
    outcome = json.loads((folder / "result.json").read_text())
    photo, picture = (
        np.asarray(Image.open(folder / name)) for name in ("photo.png", outcome["picture"])
    )
    return (photo != picture).any(2)


@pytest.mark.parametrize("command", ["fool", "attack"])
def test_every_field_of_a_request_is_an_option(command: str) -> None:
    """All but `levels`: what a command writes are 8-bit files."""
    options = {
        option.name: option for option in get_command(application()).commands[command].params
    }
    for field in fields(Request):
        assert (field.name in options) == (field.name != "levels")


@pytest.mark.parametrize("command", ["fool", "attack"])
def test_defaults_are_those_of_a_request(command: str) -> None:
    options = {
        option.name: option for option in get_command(application()).commands[command].params
    }
    usual = Request()
    for field in fields(Request):
        if field.name in ("levels", "confidence"):
            continue
        assert field.default is not MISSING
        expected = usual.norm.name if field.name == "norm" else field.default
        assert options[field.name].default == expected
    assert options["confidence"].default == {"fool": 0.95, "attack": None}[command]


def test_only_the_white_part_of_the_mask_changes(place: Path, call: Callable) -> None:
    mask = mask_file("mask.png", 16, 16, white=12)
    said = call("fool", PHOTO, "--mask", mask, "-o", "new")
    assert said.status == 0, said.err + said.out
    found = changed(next(Path("new").iterdir()))
    assert found.any() and not found[:, 12:].any()


def test_the_mask_is_framed_as_the_photo_is(place: Path, call: Callable) -> None:
    """A wide photo is padded to a square of half its width, and so is its mask."""
    with Image.open(PHOTO) as picture:
        picture.resize((32, 16)).save("wide.png")
    mask = mask_file("mask.png", 32, 16, white=16)
    said = call("fool", "wide.png", "--mask", mask, "-o", "new")
    assert said.status == 0, said.err + said.out
    found = changed(next(Path("new").iterdir()))
    assert found.shape == (16, 16)
    assert found[:, :8].any() and not found[:, 8:].any()


def test_at_full_size_the_mask_has_the_photo_s_own_size(place: Path, call: Callable) -> None:
    with Image.open(PHOTO) as picture:
        picture.resize((41, 30)).save("large.png")
    mask = mask_file("mask.png", 41, 30, white=20)
    said = call("fool", "large.png", "--full-size", "--mask", mask, "-o", "new")
    assert said.status == 0, said.err + said.out
    found = changed(next(Path("new").iterdir()))
    assert found.shape == (30, 41)
    assert found.any() and not found[:, 20:].any()


def test_an_attack_on_a_split_keeps_to_the_mask(place: Path, call: Callable) -> None:
    mask = mask_file("mask.png", 16, 16, white=7)
    words = ("attack", "simple", "--data", "data", "--limit", "4", "--mask", mask, "--json")
    said = call(*words)
    assert said.status == 0, said.err
    assert json.loads(said.out)["fooled"] > 0
    folder = Path("runs/simple/attack/best-l2-masked-limit-4")
    before, after = (np.asarray(Image.open(folder / "fragile" / name)) for name in BEFORE_AFTER)
    found = (before != after).any(2)
    assert found.any() and not found[:, 7:].any()
    other = call(*words[:-2], mask_file("other.png", 16, 16, white=9))
    assert other.status == 2 and "another mask" in other.err


def test_seconds_end_a_search_with_the_best_so_far(place: Path, call: Callable) -> None:
    said = call("fool", PHOTO, "--attack", "ddn:steps=5000", "--seconds", "0.001", "--json")
    assert said.status in (0, 1), said.err
    (outcome,) = json.loads(said.out)
    assert outcome["request"]["seconds"] == 0.001
    assert outcome["gradients"] < 5000
    assert (Path("runs/simple/fooled") / "0.dog" / outcome["picture"]).is_file()


def test_seconds_are_those_of_each_photo_of_a_split(place: Path, call: Callable) -> None:
    words = "attack simple --data data --limit 4 --attack ddn:steps=5000 --seconds 0.001 --json"
    said = call(*words.split())
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert found["info"]["request"]["seconds"] == 0.001
    assert found["backwards"] < 4 * 5000


def test_a_folder_is_named_after_the_settings_that_are_not_the_usual_ones() -> None:
    assert settings_in_words(Request()) == ["best", "l2"]
    request = Request(
        "pgd:steps=9",
        norm="linf",
        radius=4 / 255,
        confidence=0.9,
        seconds=2.5,  # type: ignore[arg-type]
    )
    assert settings_in_words(request) == [
        "pgd:steps=9", "linf", "within-4/255", "at-0.9", "2.5-s"
    ]  # fmt: skip
    assert settings_in_words(Request(effort="quick", radius=0.5)) == [
        "best", "l2", "within-0.5", "quick"
    ]  # fmt: skip
