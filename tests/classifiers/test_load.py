import os
from pathlib import Path

import pytest

from pasunchat.__main__ import run
from pasunchat.classifiers.build import build
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import LOADERS, find, load
from pasunchat.errors import PasunchatError

EXAMPLES = {
    "timm": "timm:resnet18",
    "hugging face": "hf:microsoft/resnet-18",
    "keras": "cats.keras",
    "onnx": "CATS.ONNX",
    "safetensors": "cats.safetensors",
    "torch": "some.folder/cats.pt2",
    "function": "my.code:network",
}


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
    with pytest.raises(PasunchatError, match="no run yet"):
        find(None)
    with pytest.raises(PasunchatError, match="there are none here"):
        load("mine")
    make_run("simple", 0)
    with pytest.raises(PasunchatError, match="one of the runs here: simple"):
        load("simpel")


def test_a_folder_that_is_no_run(here: Path) -> None:
    (here / "photos").mkdir()
    with pytest.raises(PasunchatError, match="holds no classifier"):
        load("photos")


def test_a_run_states_its_own_preprocessing() -> None:
    make_run("mine", 0)
    with pytest.raises(PasunchatError, match="states its own preprocessing"):
        load("mine:scale=0..255")


def test_each_name_finds_its_loader_and_each_loader_says_what_it_loads() -> None:
    """The first that accepts it is taken."""
    for name, model in EXAMPLES.items():
        accepted = next(kind for kind, row in LOADERS.items() if row.accepts(model))
        assert accepted == name
    assert set(EXAMPLES) | {"run", "shipped"} == set(LOADERS)
    assert all(row.about for row in LOADERS.values())


@pytest.mark.parametrize("model", ["m.keras", "m.h5", "m.onnx", "m.pt2", "m.safetensors"])
def test_a_file_that_is_not_there(model: str) -> None:
    with pytest.raises(PasunchatError, match=f"no file {model}"):
        load(f"{model}:scale=0..1")


@pytest.mark.parametrize("model", ["m.onnx", "m.keras", "m.h5", "m.pt", "m.safetensors"])
def test_a_damaged_file_is_one_line_and_status_2(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(model).write_bytes(b"\x08\x99 nothing of the kind")
    assert run(["predict", "photo.jpg", "--model", model]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert model in said.err or "pip install" in said.err


def test_preprocessing_as_a_value_or_behind_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("net_of_load.py").write_text(
        "import torch\n"
        "def net():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))\n"
    )
    given = Preprocessing(scale="0..1", size=4, classes=("cat", "dog"))
    assert load("net_of_load:net", given).classes == ("cat", "dog")
    assert load("net_of_load:net:classes=a/b", Preprocessing(scale="0..1", size=4)).size == 4
