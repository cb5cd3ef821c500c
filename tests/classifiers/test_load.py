import os
import shutil
from pathlib import Path

import pytest

from pasunchat.__main__ import run
from pasunchat.classifiers.build import build
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import LOADERS, find, find_by_digest, is_shadowed, load
from pasunchat.errors import PasunchatError

EXAMPLES = {
    "smoothed": "smoothed:cats.onnx:scale=0..1,sigma=0.5",
    "masked": "masked:simple,area=0.02",
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
    with pytest.raises(
        PasunchatError,
        match=r"no runs here, and .* shipped:efficientnet-lite0",
    ):
        load("mine")
    make_run("simple", 0)
    with pytest.raises(PasunchatError, match="these runs here: simple"):
        load("simpel")


def test_a_run_never_hides_a_shipped_model() -> None:
    assert load("tiny").known_as == "shipped:tiny" and not is_shadowed("tiny")
    make_run("tiny", 0)
    assert load("tiny").known_as == str(Path("runs/tiny")) and is_shadowed("tiny")
    shipped = load("shipped:tiny")
    assert shipped.origin is None and shipped.known_as == "shipped:tiny"
    assert shipped.digest() != load("tiny").digest()
    assert not is_shadowed("shipped:tiny") and not is_shadowed(None)
    with pytest.raises(PasunchatError, match="those that do: simple, tiny, efficientnet-lite0"):
        load("shipped:huge")


def test_a_folder_that_is_no_run_hides_no_shipped_model(here: Path) -> None:
    (here / "tiny").mkdir()
    assert load("tiny").known_as == "shipped:tiny"


def test_what_a_classifier_is_known_as_loads_it_again() -> None:
    make_run("mine", 0)
    for name in ("mine", "runs/mine", "simple", "shipped:tiny", None):
        classifier = load(name)
        assert load(classifier.known_as).digest() == classifier.digest()


@pytest.mark.parametrize("name", ["half", "simple"])
def test_a_run_that_was_stopped_is_called_unfinished(here: Path, name: str) -> None:
    (here / "runs" / name).mkdir(parents=True)
    (here / "runs" / name / "recipe.json").write_text("{}")
    for model in (name, f"runs/{name}"):
        with pytest.raises(PasunchatError, match=r"unfinished.*train --resume runs/") as caught:
            load(model)
        assert "overwrite" not in str(caught.value)


def test_a_model_is_found_by_its_digest_wherever_it_lies(here: Path) -> None:
    make_run("mine", 0)
    mine = load("mine").digest()
    picture = Path("runs/mine/fooled/rex.cat/rex.cat.png")
    assert find_by_digest(mine, Path("elsewhere.png")) == str(Path("runs/mine"))
    shutil.move("runs", "moved")
    assert find_by_digest(mine, Path("elsewhere.png")) is None
    found = find_by_digest(mine, "moved" / picture.relative_to("runs"))
    assert found is not None and load(found).digest() == mine
    assert find_by_digest(load("shipped:tiny").digest(), picture) == "shipped:tiny"


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
    Path("photo.jpg").write_bytes(b"not opened before the model")
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
