"""The manual comes with the package."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from pasunchat.commands.docs import PAGES

ROOT = Path(__file__).parents[2]


def test_each_page_is_printed_whole(call: Callable) -> None:
    listed = call("docs").out
    for name in PAGES:
        assert name in listed
        assert call("docs", name).out == (ROOT / "docs" / f"{name}.md").read_text("utf-8") + "\n"


def test_an_unknown_page_is_refused_with_those_there_are(call: Callable) -> None:
    said = call("docs", "nowhere")
    assert said.status == 2 and said.err.count("\n") == 1 and "models, networks" in said.err


def test_each_page_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"docs/{name}.md": f"pasunchat/docs/{name}.md" for name in PAGES}


def test_no_message_names_a_page_that_only_the_repository_has() -> None:
    """What a user of the wheel reads says `pasunchat docs PAGE`."""
    for path in (ROOT / "src").rglob("commands/*.py"):
        assert "docs/" not in path.read_text(encoding="utf-8"), path
