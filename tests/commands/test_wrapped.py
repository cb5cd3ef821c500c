"""Commands that are given a classifier around another: `smoothed:...` and `masked:...`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

NAMES = ["smoothed:simple,sigma=0.1,draws=4", "masked:simple,area=0.05,windows=2"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_asks_takes_it(name: str, place: Path, call: Callable) -> None:
    known_as = name.replace("simple", "runs/simple")
    said = call("predict", "photos/cat/0.png", "--model", name)
    assert said.status == 0 and known_as in said.out, said.err
    said = call("evaluate", name, "--data", "data", "-o", "judged", "--json")
    assert said.status == 0, said.err
    evaluation = json.loads(said.out)
    assert evaluation["model"] == known_as and not Path("runs/simple/evaluation").exists()
    said = call("attack", name, "--data", "data", "--limit", "2", "-o", "attacked")
    assert said.status == 0 and "enough is" in said.out, said.err
    said = call("fool", "photos/cat/1.png", "--model", name, "-o", "fooled", "--effort", "quick")
    assert said.status == 0, said.err
    (picture,) = [p for p in Path("fooled").rglob("*.png") if p.stem.startswith("1.")]
    assert call("verify", picture).status == 0
    said = call("compare", "simple", name, "--data", "data", "-o", "compared")
    assert said.status == 0 and name in said.out, said.err


@pytest.mark.parametrize("name", NAMES)
def test_it_is_not_exported_and_summed_up_with_all_its_questions(
    name: str, place: Path, call: Callable
) -> None:
    said = call("export", name, "--to", "onnx")
    assert said.status == 2 and "export the model inside, runs/simple" in said.err
    one = json.loads(call("summary", "runs/simple", "--json").out)["multiply_adds"]
    many = json.loads(call("summary", name, "--json").out)["multiply_adds"]
    assert many >= 4 * one and many % one == 0


@pytest.mark.parametrize("words", ["smoothed:simple,sigma=0", "smoothed:nothing", "masked:"])
def test_a_name_that_cannot_be_meant_is_one_line(words: str, place: Path, call: Callable) -> None:
    said = call("predict", "photos/cat/0.png", "--model", words)
    assert said.status == 2 and said.err.count("\n") == 1 and said.out == ""
