"""What an import costs, which names are public, and what the package ships."""

import ast
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

import pasunchat

SOURCES = Path(__file__).parents[1] / "src" / "pasunchat"
SHIPPED = (
    "py.typed",
    "reports/templates/report.html.j2",
    "reports/templates/macros.html.j2",
    "reports/templates/report.css",
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
    assert pasunchat.__all__ == sorted(pasunchat.HOMES) == dir(pasunchat)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pasunchat' has no attribute 'chat'"):
        _ = pasunchat.chat


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
