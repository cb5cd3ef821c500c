import os
from pathlib import Path

import pytest

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import find, load
from pasunchat.errors import PasunchatError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(name: str, age: int) -> None:
    save(build("simple", classes=("cat", "dog"), size=16), Path("runs") / name)
    os.utime(Path("runs") / name / "classifier.json", (1000 - age, 1000 - age))


def test_by_folder_by_name_and_the_newest() -> None:
    make_run("old", 5)
    make_run("new", 1)
    assert find("runs/old") == find("old") == Path("runs/old")
    assert find(None) == Path("runs/new")
    assert load("old").origin == Path("runs/old")


def test_what_is_there_is_said() -> None:
    with pytest.raises(PasunchatError, match="no model yet"):
        load()
    with pytest.raises(PasunchatError, match="there are none here"):
        load("simple")
    make_run("simple", 0)
    with pytest.raises(PasunchatError, match="one of the runs here: simple"):
        load("simpel")


def test_a_folder_that_is_no_run(here: Path) -> None:
    (here / "photos").mkdir()
    with pytest.raises(PasunchatError, match="holds no classifier"):
        load("photos")
