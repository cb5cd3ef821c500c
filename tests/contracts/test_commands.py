"""What every command of COMMANDS keeps to. One more command joins by its row."""

import shlex
import subprocess
import sys

import pytest

from pasunchat.__main__ import run
from pasunchat.commands import COMMANDS


@pytest.fixture(params=COMMANDS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_help_fits_a_screen_and_has_examples(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 50
    for example in COMMANDS[name].examples:
        assert example in text


def test_examples_call_the_command_with_its_own_options(name: str) -> None:
    from typer.main import get_command

    from pasunchat.commands import application

    command = get_command(application()).commands[name]  # type: ignore[attr-defined]
    known = {option for part in command.params for option in (*part.opts, *part.secondary_opts)}
    for example in COMMANDS[name].examples:
        words = shlex.split(example.partition(">")[0])
        assert words[:2] == ["pasunchat", name]
        assert {word for word in words if word.startswith("--")} <= known


def test_the_command_alone_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    said = capsys.readouterr()
    assert said.err == "" and all(name in said.out for name in COMMANDS)


def test_an_unknown_option_is_one_line_and_status_2(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--no-such-option"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "--no-such-option" in said.err


def test_no_help_imports_anything_heavy() -> None:
    """Once for all commands: a fresh interpreter asks for every help and lists its modules."""
    code = f"""
import contextlib, io, sys
from pasunchat.__main__ import run
with contextlib.redirect_stdout(io.StringIO()):
    for words in [["--help"], *([name, "--help"] for name in {list(COMMANDS)!r})]:
        assert run(words) == 0
heavy = ("torch", "matplotlib", "sklearn", "scipy", "PIL", "numpy", "jinja2")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
