"""What may be missing is skipped in one way, by which `make test-extras` finds what to run."""

import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = {"benchmarks", "check", "test"}  # extras that the program itself never imports


def test_a_missing_module_fails_its_test_where_all_are_installed() -> None:
    everything = os.environ.get("PASUNCHAT_EXTRAS")
    expected = ModuleNotFoundError if everything else pytest.skip.Exception
    with pytest.raises(expected):
        pytest.importorskip("no_such_module_anywhere")


def test_no_test_looks_for_a_module_in_another_way() -> None:
    tests = set((ROOT / "tests").rglob("test_*.py")) - {Path(__file__)}
    assert [path for path in tests if "find_spec" in path.read_text(encoding="utf-8")] == []


def test_the_makefile_installs_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (installed,) = re.findall(r"^EXTRAS := (.*)$", makefile, re.MULTILINE)
    assert set(installed.split(",")) == set(project["optional-dependencies"]) - TOOLS


def test_the_makefile_runs_every_folder_with_a_test_in_the_browser() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (folders,) = re.findall(r"^IN_BROWSER := (.*)$", makefile, re.MULTILINE)
    tests = set((ROOT / "tests").glob("*/**/*.py"))
    take = {path for path in tests if re.search(r"\bbrowser[:,)]", path.read_text("utf-8"))}
    assert {path.relative_to(ROOT / "tests").parts[0] for path in take} == set(folders.split())
