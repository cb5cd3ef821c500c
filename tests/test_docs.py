"""The docs are true: generated pages are fresh, links lead somewhere, README's commands run."""

import importlib.util
import re
import shlex
import shutil
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

import pasunchat
from pasunchat.__main__ import run
from pasunchat.classifiers.shipped import DEFAULT, SHIPPED, shipped_folder
from pasunchat.commands import COMMANDS, application

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "pasunchat"
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
SHELL, PYTHON = ("console", "sh"), "python"
DRAWN, DRAWN_SIZE = 60, 48  # photos in photos/, and their side in pixels


class Block(NamedTuple):
    """A fenced block of a page: the word after its fence, and its lines."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def command_lines(block: Block) -> Iterator[list[str]]:
    """The words after `pasunchat` of each command in a shell block, without comments."""
    if block.language not in SHELL:
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["pasunchat"]:
            yield words[1:]


README_COMMANDS = [words for block in blocks(README) for words in command_lines(block)]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """docs/generate.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("columns", ["30", "200"])
def test_generated_pages_are_fresh(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name, text in generator.pages().items():
        kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert kept == text, f"docs/{name} is stale; write it again with: make docs"


def test_the_reference_has_one_heading_a_command() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert headings == [f"pasunchat {name}" for name in COMMANDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            place = page.parent / target.partition("#")[0]
            assert place.exists(), f"{page.name} links to {target}, which is not there"


def test_the_architecture_names_every_folder_and_top_level_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [path.parent for path in SOURCES.rglob("__init__.py")] + [
        path for path in SOURCES.rglob("templates") if path.is_dir()
    ]
    names = [f"{folder.name}/" for folder in folders] + [path.name for path in SOURCES.glob("*.py")]
    assert [name for name in names if name not in text] == []


def test_the_architecture_names_only_modules_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    there = {path.name for path in SOURCES.rglob("*.py")} | {"generate.py"}
    assert sorted(set(re.findall(r"\b\w+\.py\b", text)) - there) == []


@pytest.mark.parametrize("name", pasunchat.__all__)
def test_every_public_name_imports_and_says_what_it_is(name: str) -> None:
    value = getattr(pasunchat, name)
    assert value is getattr(import_module(f"pasunchat.{pasunchat.HOMES[name]}"), name)
    if not name.isupper() and not name[-1].isdigit():
        assert getdoc(value)


def test_readme_has_commands_to_try() -> None:
    assert len(README_COMMANDS) >= 3, (
        "expected README.md to show commands in blocks marked ```console or ```sh, as lines that "
        f"start with `$ pasunchat` or `pasunchat`; found {len(README_COMMANDS)}"
    )
    assert [block for block in blocks(README) if block.language == PYTHON], (
        "expected README.md to show the same in a block marked ```python; found none"
    )


def test_readme_s_figures_are_the_cards() -> None:
    """What README says of shipped models is what their cards say."""
    text = README.read_text(encoding="utf-8")
    cards = {name: (shipped_folder(name) / "README.md").read_text("utf-8") for name in SHIPPED}
    figures = {
        name: re.search(r"\*\*Accuracy\*\* on the ([\d,]+) test photos: ([\d.]+ %)", card)
        for name, card in cards.items()
    }
    default, tiny = figures[DEFAULT], figures["tiny"]
    assert default is not None and f"On {default[1]} photos" in text and default[2] in text
    assert tiny is not None and f"`tiny` ({tiny[2]}" in text


def test_the_page_on_models_names_all_that_come_with_the_package() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in SHIPPED if f"`{name}`" not in text] == []


@pytest.mark.parametrize("words", README_COMMANDS, ids=" ".join)
def test_readme_s_options_exist(words: list[str]) -> None:
    command = get_command(application()).commands[words[0]]  # type: ignore[attr-defined]
    known = {spelled for part in command.params for spelled in (*part.opts, *part.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert options <= known | {"--help", "--debug"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What README takes for given: photos/ with cats and dogs, and rex.jpg, a dog.

    Drawn small, and the dogs lighter, so that a minute's training is not needed to tell them.
    """
    from pasunchat.photos.drawing import KINDS, draw

    def drawn(kind: str, index: int) -> Image.Image:
        light = 0.5 if kind == "cat" else 1.5
        pixels = np.asarray(draw(kind, 0, index, DRAWN_SIZE)) * light
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    place = tmp_path_factory.mktemp("readme")
    for kind in KINDS:
        (place / "photos" / kind).mkdir(parents=True)
        for index in range(DRAWN // len(KINDS)):
            drawn(kind, index).save(place / "photos" / kind / f"{index}.jpg")
    drawn("dog", DRAWN).save(place / "rex.jpg", quality=95)
    return place


def test_readme_s_blocks_run_in_order(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each command ends with 0 or 1, and the Python runs. `demo` is skipped: it does the same
    in ten times the time, and `make demo` runs it."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}
    for block in blocks(README):
        for words in command_lines(block):
            if words[0] != "demo":
                status = run(words)
                assert status in (0, 1), f"pasunchat {shlex.join(words)}: {capsys.readouterr().err}"
        if block.language == PYTHON:
            exec(compile(block.text, "README.md", "exec"), names)
