"""docs/python.md is true: its blocks run in order, and its own attack and norm serve everywhere."""

import re
import shutil
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from pasunchat.__main__ import run
from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save
from pasunchat.measures.robustness import attack_split
from pasunchat.norms import NORMS
from pasunchat.photos.dataset import Dataset
from pasunchat.reports.robustness import draw_robustness

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCKS: list[tuple[str, str]] = re.findall(  # the comment above each, and its text
    r"^(?:<!-- ([^\n]*) -->\n)?```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S
)
FOOLBOX_LINES = 6  # of the example of its README, 3.3.4


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, make_photos: Callable[..., Path]
) -> dict[str, Any]:
    """The names that the page's blocks leave behind."""
    folder = tmp_path_factory.mktemp("page")
    make_photos(folder / "photos", {"cat": 30, "dog": 30}, size=32)
    shutil.copy(folder / "photos" / "dog" / "0.png", folder / "rex.png")
    with Image.open(folder / "rex.png") as photo:
        photo.save(folder / "rex.jpg", quality=95)
    names: dict[str, Any] = {"__name__": "page"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PASUNCHAT_HOME", str(folder / "home"))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for mark, block in BLOCKS:
                if not mark.startswith("needs"):
                    exec(compile(block, "docs/python.md", "exec"), names)
    return names


def test_the_page_s_blocks_run(page: dict[str, Any]) -> None:
    assert set(page["result"].status) <= set(Status)
    assert (page["folder"] if "folder" in page else page["fooled"][0].folder).name


def test_no_block_is_passed_over() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```python") == len(BLOCKS)


@pytest.mark.parametrize(
    ("needs", "block"), [block for block in BLOCKS if block[0].startswith("needs")]
)
def test_blocks_that_need_an_extra_run(needs: str, block: str, page: dict[str, Any]) -> None:
    pytest.importorskip(needs.removeprefix("needs "))
    exec(compile(block, "docs/python.md", "exec"), dict(page))


def lines_of(code: str) -> int:
    """Lines that say something."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in code.split("\n"))


def test_foolbox_s_example_is_not_longer_here(page: dict[str, Any]) -> None:
    ((_, ours),) = (block for block in BLOCKS if block[0] == "Foolbox")
    assert lines_of(ours) < FOOLBOX_LINES
    assert page["success"].shape == (8, 4) and page["advs"].shape == page["images"].shape
    misread = page["module"](page["images"]).argmax(1) != torch.tensor(page["labels"])
    assert page["success"][0].tolist() == misread.tolist() and page["success"][-1].all()
    left = page["module"](page["advs"]).argmax(1)
    assert (left != torch.tensor(page["labels"])).all()


def test_foolbox_s_example_has_the_lines_that_are_said() -> None:
    pytest.importorskip("eagerpy")  # which comes with foolbox; importing that takes git
    readme = str(metadata("foolbox").get_payload())
    example = readme.split("Example\n")[1].split(".. code-block:: python\n")[1]
    code = re.match(r"(?:\s*\n| .*\n)*", example)
    assert code is not None and lines_of(code[0]) == FOOLBOX_LINES


@pytest.fixture
def with_rows(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The page's attack and norm, each as one row of its table."""
    monkeypatch.setitem(ATTACKS, "straight", page["Straight"]())  # type: ignore[arg-type]
    monkeypatch.setitem(NORMS, "rms", page["RMS"])  # type: ignore[arg-type]
    return page


@pytest.mark.parametrize("norm", ["l2", "linf", "rms"])
def test_an_attack_is_one_page_and_one_row(with_rows: dict[str, Any], norm: str) -> None:
    classifier = build("linear", classes=("cat", "dog", "fox"), size=8, seed=1)
    photos = torch.randint(0, 256, (3, 3, 8, 8), generator=torch.Generator().manual_seed(0)) / 255
    goal = Goal(classifier.predict_logits(photos).argmax(1), targeted=False)
    mask = torch.arange(8)[None].expand(8, 8) < 6
    options = {"goal": goal, "attack": "straight:steps=30,farthest=6", "norm": norm, "mask": mask}
    found = fool(classifier, photos, **options)
    assert found.status == (Status.REACHED,) * 3
    assert found.request.settings == {"steps": 30, "farthest": 6.0}
    assert found.backwards.tolist() == [1, 1, 1]
    assert torch.equal(found.pixels[..., 6:], photos[..., 6:])
    radius = 0.6 * float(found.distance.min())
    if norm != "linf":  # on the grid its least distance is one level
        near = fool(classifier, photos, radius=radius, **options)
        assert (near.distance <= radius * (1 + 1e-5)).all() and (near.distance > 0).all()


def test_a_norm_is_one_value_and_one_row(
    with_rows: dict[str, Any], dataset: Dataset, tmp_path: Path
) -> None:
    classifier = build("linear", classes=dataset.classes, size=16, seed=2)
    nearest = fool(
        classifier,
        torch.from_numpy(dataset.pixels[:4].copy()).permute(0, 3, 1, 2) / 255,
        norm="rms",
        levels=None,
    )
    l2 = fool(
        classifier,
        torch.from_numpy(dataset.pixels[:4].copy()).permute(0, 3, 1, 2) / 255,
        attack="fmn",
        levels=None,
    )
    assert torch.allclose(nearest.distance * (3 * 16 * 16) ** 0.5, l2.distance, rtol=0.02)
    found = attack_split(classifier, dataset, tmp_path / "attack", norm="rms", limit=4)
    assert found.info.request.norm == "rms" and found.info.request.attack == "fmn"
    assert all("levels on average" in found.norm.in_words(at.radius) for at in found.curve)
    assert draw_robustness(tmp_path / "attack", found, dataset)


def test_both_are_words_of_the_command_line(
    with_rows: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier = build("linear", classes=("cat", "dog"), size=16, seed=1)
    save(classifier, tmp_path / "run")
    Image.new("RGB", (16, 16), (90, 120, 60)).save(tmp_path / "rex.png")
    words = ["fool", str(tmp_path / "rex.png"), "--model", str(tmp_path / "run")]
    options = ["--norm", "rms", "--attack", "straight:farthest=9", "--confidence", "0"]
    assert run([*words, *options, "--output", str(tmp_path / "out")]) in (0, 1)
    assert "rex.png" in capsys.readouterr().out
