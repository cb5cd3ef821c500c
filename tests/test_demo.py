"""The demo: which network it takes, what it leaves, what it says of a coin, and going on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.__main__ import run
from pasunchat.demo import Demo, demo_folder, demo_recipe, run_demo
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent
from pasunchat.training.recipe import RECIPES


@contextmanager
def quiet(title: str) -> Iterator[Progress]:
    yield silent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(photos: Path, name: str = "mine") -> Demo:
    recipe = demo_recipe("linear", 0, own_photos=True)
    return run_demo(demo_folder(name, recipe, overwrite=False), [str(photos)], recipe, quiet)


@pytest.fixture
def coin(tmp_path: Path) -> Path:
    """Photos of two classes that differ in nothing: noise."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "noise" / name).mkdir(parents=True)
        for index in range(60):
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "noise" / name / f"{index}.png")
    return tmp_path / "noise"


def test_own_photos_are_learnt_by_the_pretrained_network() -> None:
    own = demo_recipe(None, 7, own_photos=True)
    assert (own.network, own.seed) == ("efficientnet-lite0", 7)
    assert own.epochs == RECIPES["head"].epochs and own.patience == RECIPES["head"].patience
    assert demo_recipe("simple", 0, own_photos=True).network == "simple"
    assert demo_recipe(None, 0, own_photos=False).network == "simple"
    with pytest.raises(PasunchatError, match="complex"):
        demo_recipe("complex", 0, own_photos=True)


def test_it_leaves_a_run_that_is_measured_fooled_and_reported(photos: Path) -> None:
    found = shown(photos)
    assert found.evaluation.model == str(Path("runs/mine"))
    assert {at.outcome.before.label for at in found.fooled} == {"cat", "dog"}
    assert all(at.outcome.goal != at.outcome.before.label for at in found.fooled)
    assert found.report == Path("runs/mine/report.html") and found.report.is_file()


def test_one_that_was_stopped_goes_on_and_trains_no_more_than_is_missing(photos: Path) -> None:
    first = shown(photos)
    trained = (first.run.folder / "weights.safetensors").stat().st_mtime_ns
    page = first.report.read_bytes()
    first.report.unlink()
    again = shown(photos)
    assert (again.run.folder / "weights.safetensors").stat().st_mtime_ns == trained
    assert again.report.read_bytes() == page
    with pytest.raises(PasunchatError, match="exists already"):
        shown(photos)


def test_a_coin_is_called_a_coin(coin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--photos", str(coin), "--network", "linear", "--name", "coin"]) in (0, 1)
    said = capsys.readouterr().out
    guess = re.search(r"This is (no|not shown to be) better than a guess: it is right on ", said)
    assert guess is not None
    first = guess.start()
    assert first < said.index("--network efficientnet-lite0") < said.index("to fool a coin")
    page = Path("runs/coin/report.html").read_text(encoding="utf-8")
    lead = page.split('<p class="lead">')[1].split("</p>")[0].strip()
    assert re.match(r"This is (no|not shown to be) better than a guess", lead)


def test_few_photos_are_said(
    make_photos: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = make_photos(tmp_path / "few", {"cat": 12, "dog": 30})
    assert run(["demo", "--photos", str(photos), "--network", "linear"]) in (0, 1)
    assert "only 12 photos of cat" in capsys.readouterr().out
