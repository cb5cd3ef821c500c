"""A place to work in, with a small dataset and a trained run, and the command line at hand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pasunchat.__main__ import run


class Said(NamedTuple):
    """What a command said and how it ended."""

    status: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process."""

    def call(*words: object) -> Said:
        capsys.readouterr()
        status = run([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def _worked(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    place = tmp_path_factory.mktemp("worked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        shutil.copytree(photos, "photos")
        options = ["--epochs", "4", "--no-early-stopping", "--batch-size", "8"]
        words = ["train", "data", "--network", "simple", *options]
        assert run(["prepare", "photos", "--output", "data", "--size", "16"]) == 0
        assert run(words) == 0
    return place


@pytest.fixture
def place(_worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it all, as the current folder: photos/, data/, runs/simple/."""
    shutil.copytree(_worked, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> dict[str, int]:
    """Every file below a folder and its time of change, but for unfinished ones of ours."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def files() -> Callable[[Path], dict[str, int]]:
    """What stands in a folder, to see that a refused command left nothing."""
    return tree
