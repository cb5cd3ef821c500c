"""docs/talk.md is true, in both languages: its examples run and print what it says they print."""

import ast
import io
import re
import runpy
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from typer.main import get_command

from pasunchat.commands import application
from pasunchat.photos import drawing

ROOT = Path(__file__).parents[1]
ENGLISH, FRENCH = ROOT / "docs" / "talk.md", ROOT / "docs" / "talk.fr.md"
PAGES = [ENGLISH, FRENCH]
WORDS = ROOT / "src" / "pasunchat" / "story" / "words"
TEMPLATE = ROOT / "src" / "pasunchat" / "page" / "templates" / "index.html.j2"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLIDE = ("3x3", "4x4", "8x8", "10x10", "18x18", "22x22", "224x224")  # input pixels per unit
STALE = 5.0  # levels of 255 that a picture in the docs may be from a fresh one, on average


class Ran(NamedTuple):
    """What an example left: its names, what it printed, and its pictures."""

    names: dict[str, Any]
    out: str
    pictures: list[Path]


def example_id(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """An example by its name, run once in a folder of its own."""
    kept: dict[str, Ran] = {}
    drawn = cache(drawing.draw)  # examples learn from the same drawings

    def run(name: str) -> Ran:
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            printed, example = io.StringIO(), str(ROOT / "examples" / f"{name}.py")
            with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
                patch.setattr("sys.argv", [example, str(folder)])
                patch.setattr(drawing, "draw", drawn)
                with redirect_stdout(printed):
                    names = runpy.run_path(example, run_name="__main__")
            kept[name] = Ran(names, printed.getvalue(), sorted(folder.iterdir()))
        return kept[name]

    return run


def linked(page: Path) -> list[str]:
    """Where the links of a page lead, but for the one to its other language."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if not target.startswith("talk.")]


def said_to_be_printed(page: Path) -> list[tuple[str, str]]:
    """Each line of the blocks without a language, with the example that is linked before it."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if not block[1]:
            name = re.findall(r"examples/(\w+)\.py", text[: block.start()])[-1]
            found += [(name, line) for line in block[2].splitlines()]
    return found


def commands(page: Path) -> list[list[str]]:
    """The words after `pasunchat` of every command, in blocks and between backticks."""
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (pasunchat .*)$|`(pasunchat [^`]+)`", text, re.M)
    return [shlex.split(" ".join(line))[1:] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_is_named(page: Path) -> None:
    named = {target for target in linked(page) if target.endswith(".py") and "examples/" in target}
    assert named == {f"../examples/{example.name}" for example in EXAMPLES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_step_of_the_page_is_named_and_no_other(page: Path) -> None:
    steps = re.findall(r"station\('(\w+)'|station\" id=\"(\w+)\"", TEMPLATE.read_text("utf-8"))
    named = set(re.findall(r"\?teach#(\w+)", page.read_text(encoding="utf-8")))
    assert named == {"".join(step) for step in steps}


@pytest.mark.parametrize(("page", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_the_page_has_the_words_that_are_quoted(page: Path, language: str) -> None:
    words = (WORDS / f"page.{language}.json").read_text("utf-8").replace("’", "'")
    lines = re.findall(r"^- (?:On the|Sur la) page.*$", page.read_text(encoding="utf-8"), re.M)
    quoted = re.findall(r'"([^"]+)"|« ([^»]+) »', "\n".join(lines))
    assert len(quoted) == 4
    for quote in quoted:
        assert f'"{"".join(quote)}"' in words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_commands_and_options_exist(page: Path) -> None:
    assert len(commands(page)) > 20
    known = get_command(application()).commands  # type: ignore[attr-defined]
    for name, *words in commands(page):
        spelled = {word for part in known[name].params for word in part.opts}
        assert {word for word in words if word.startswith("--")} <= spelled


def test_both_languages_hold_the_same() -> None:
    def bones(page: Path) -> list[object]:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n.*?^```$", text, re.M | re.S)
        headings = re.findall(r"^#+(?: \d+\.)?", text, re.M)
        figures = re.findall(r"\d+", re.sub(r"(?<=\d)[ ,.](?=\d)", "", text))
        return [linked(page), blocks, headings, re.findall(r"\?teach#\w+", text), sorted(figures)]

    for english, french in zip(bones(ENGLISH), bones(FRENCH), strict=True):
        assert english == french
    assert "(talk.fr.md)" in ENGLISH.read_text("utf-8") and "(talk.md)" in FRENCH.read_text("utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=example_id)
def test_an_example_is_short_and_says_which_idea(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert 15 <= len(text.splitlines()) <= 50
    assert (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0].endswith(".")


@pytest.mark.parametrize("example", EXAMPLES, ids=example_id)
def test_an_example_prints_what_the_page_says_and_draws_what_it_shows(
    example: Path, ran: Callable[[str], Ran]
) -> None:
    names, out, pictures = ran(example.stem)
    assert out
    for name, line in said_to_be_printed(ENGLISH):
        assert name != example.stem or line in out
    assert [picture.name for picture in pictures] == re.findall(r"\w+\.png", names["__doc__"])
    for picture in pictures:
        fresh = np.asarray(Image.open(picture)).astype(float)
        shown = np.asarray(Image.open(ROOT / "docs" / "images" / picture.name)).astype(float)
        assert fresh.shape == shown.shape and np.abs(fresh - shown).mean() < STALE


def test_training_finds_the_rule(ran: Callable[[str], Ran]) -> None:
    names = ran("gradient_descent").names
    assert (-names["bias"] / names["weight"]).item() == pytest.approx(0.6, abs=0.01)


def test_only_a_pipe_can_be_told_by_single_pixels(ran: Callable[[str], Ran]) -> None:
    dog, pipe = (int(share) for share in re.findall(r"right on (\d+)%", ran("linear_weights").out))
    assert dog < 75 < 90 < pipe


def test_an_example_counts_the_slide_s_parameters(ran: Callable[[str], Ran]) -> None:
    out = ran("parameter_counts").out
    for number in ("301,056", "7,552,993,280", "50,178", "451,584", "in all: 30,178"):
        assert number in out


def test_an_example_sees_the_slide_s_pixels(ran: Callable[[str], Ran]) -> None:
    assert tuple(re.findall(r"sees (\w+) pixels", ran("receptive_fields").out)) == SLIDE


def test_a_network_that_overfits_turns_round(ran: Callable[[str], Ran]) -> None:
    names = ran("early_stopping").names
    training, validation = zip(*names["losses"], strict=True)
    best = names["best"]
    assert 3 < best < len(validation) - 10
    assert validation[-1] > validation[best] + 0.02 and training[-1] < training[best] / 2


def test_one_step_along_the_gradient_fools_and_one_at_random_does_not(
    ran: Callable[[str], Ran],
) -> None:
    names = ran("gradient_step").names
    network, cat = names["network"], names["cat"]
    assert network(names["moved"](names["gradient"], 4)).argmax() == cat
    assert network(names["moved"](names["chance"], 8)).argmax() != cat


def test_the_slides_attack_is_the_program_s(ran: Callable[[str], Ran]) -> None:
    """In plain PyTorch and by `fool` it ends at the same size; the usual search ends nearer."""
    sizes = [float(size) for size in re.findall(r"L2 ([\d.]+)", ran("learned_noise").out)]
    photo, plain, ours, turning = sizes
    assert photo == 0 and ours == pytest.approx(plain, rel=0.05) and turning < ours
