"""A paper is one page: how the files of attacks/ hang together, and that a name means one thing."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pasunchat.attacks

ATTACKS = Path(pasunchat.attacks.__file__).parent
METHODS = ATTACKS / "methods"
MOST_IMPORTS = 15


def imports_among_methods() -> Iterator[tuple[str, str]]:
    """(file, module of methods/ that it imports)."""
    for path in METHODS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "pasunchat.attacks.methods."
            ):
                yield path.stem, (node.module or "").removeprefix("pasunchat.attacks.methods.")


def test_pages_of_papers_need_few_others() -> None:
    found = set(imports_among_methods())
    assert len(found) <= MOST_IMPORTS, sorted(found)


def test_a_paper_s_page_is_imported_by_no_other() -> None:
    """What several pages need stands in `common` and `views`; ours are two folders."""
    shared = {"common", "views"}
    for page, module in imports_among_methods():
        folder, _, _ = module.partition(".")
        assert folder in shared or (METHODS / folder / f"{page}.py").exists(), (page, module)


def test_no_two_public_functions_or_classes_share_a_name() -> None:
    names = Counter(
        node.name
        for path in ATTACKS.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []
