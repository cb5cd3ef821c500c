"""What an import costs, which names are public, and what the package ships."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

import pasunchat

SOURCES = Path(__file__).parents[1] / "src" / "pasunchat"
CALLABLE = [name for name in pasunchat.__all__ if callable(getattr(pasunchat, name))]
SHIPPED = (
    "py.typed",
    "reports/templates/page.html.j2",
    "reports/templates/report.html.j2",
    "reports/templates/fooled_report.html.j2",
    "reports/templates/fooled.html.j2",
    "reports/templates/macros.html.j2",
    "reports/templates/report.css",
    "story/charts.html.j2",
    "story/words/report.en.json",
)


def test_import_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "matplotlib", "sklearn", "scipy", "PIL", "jinja2", "typer", "rich")
    code = f"import pasunchat, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_type_checkers_see_every_public_name() -> None:
    """`from pasunchat.home import name as name` under TYPE_CHECKING, for each of HOMES."""
    tree = ast.parse((SOURCES / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name
            seen[alias.name] = (node.module or "").removeprefix("pasunchat.")
    assert seen == pasunchat.HOMES
    assert pasunchat.__all__ == sorted(pasunchat.HOMES)
    assert dir(pasunchat) == sorted([*pasunchat.__all__, "__version__"])


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pasunchat' has no attribute 'chat'"):
        _ = pasunchat.chat


def annotations_of(value: Any) -> dict[str, Any]:
    """Of a function, or of what makes a class."""
    return inspect.get_annotations(value.__init__ if inspect.isclass(value) else value)


def classes_named(annotation: Any, module: object) -> set[type]:
    """The classes of ours in an annotation, also in one that is written as text."""
    if isinstance(annotation, str):
        words = re.findall(r"\w+", annotation)
        found = [getattr(module, word) for word in words if hasattr(module, word)]
    elif inspect.isclass(annotation) and not get_args(annotation):
        return {annotation} if annotation.__module__.startswith("pasunchat.") else set()
    else:
        found = [get_origin(annotation), *get_args(annotation)]
        if isinstance(annotation, list):
            found = annotation
    return {each for part in found if part for each in classes_named(part, module)}


@pytest.mark.parametrize("name", CALLABLE)
def test_every_class_that_a_signature_names_is_exported(name: str) -> None:
    value = getattr(pasunchat, name)
    for parameter, annotation in annotations_of(value).items():
        for named in classes_named(annotation, sys.modules[value.__module__]):
            exported = getattr(pasunchat, named.__name__, None)
            assert exported is named, f"{name}({parameter}: {named.__qualname__}) is not exported"


def test_the_walk_sees_what_signatures_name() -> None:
    """It finds classes in unions, in lists, in callables and behind quotes."""
    module = sys.modules[pasunchat.fool.__module__]
    request, goal = pasunchat.Request, pasunchat.Goal
    for annotation in (request | None, list[request], tuple[int, request], "Request | None"):
        assert classes_named(annotation, module) == {request}
    assert classes_named(dict[str, request | list[goal]], module) == {request, goal}
    named = {each for part in annotations_of(pasunchat.attack_split).values()
             for each in classes_named(part, module)}  # fmt: skip
    assert {pasunchat.Robustness, pasunchat.SplitProgress, pasunchat.Dataset} <= named


def test_the_version_is_the_package_s() -> None:
    project = tomllib.loads((SOURCES.parents[1] / "pyproject.toml").read_text())["project"]
    assert pasunchat.__version__ == project["version"] and "__version__" in dir(pasunchat)


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: path.name)
def test_every_file_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert "TODO" not in text


@pytest.mark.parametrize("name", SHIPPED)
def test_the_installed_package_has_its_files(name: str) -> None:
    assert files("pasunchat").joinpath(name).is_file()


def test_a_wheel_holds_the_package_and_its_files(tmp_path: Path) -> None:
    """Built here with hatchling, as the Makefile does through pip."""
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(SOURCES.parents[1])).build(directory=str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"pasunchat/{name}" for name in SHIPPED} <= names
    modules = {
        f"pasunchat/{path.relative_to(SOURCES).as_posix()}" for path in SOURCES.rglob("*.py")
    }
    assert modules <= names
    assert not any(name.startswith(("tests", "docs")) for name in names)
