"""ES modules as one plain script: a page opened from disk may load no modules.

Each module becomes a function that gives what it exports. Understood is what the modules of this
program use: named imports from "./name.js", and exports of a function, class or const where it is
declared.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath

IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w-]+\.js)";', re.M)
EXPORT = re.compile(
    r"^export\s+(?=(?:async\s+)?(?:function\b\*?|const|class)\s*([A-Za-z_$][\w$]*))", re.M
)
OTHERS = re.compile(r"^\s*(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta\b.*", re.M)


def bundled(modules: Mapping[str, str], start: str) -> str:
    """The module `start` and all that it imports, each after what it imports.

    modules: sources by name. Raises ValueError for a module that is missing, for circles, and for a
    statement that is not understood.
    """
    texts: dict[str, str] = {}
    _add(modules, start, texts, ())
    whole = "\n".join(texts.values())
    return f'(() => {{\n"use strict";\n{whole}\n}})();\n'


def _add(
    modules: Mapping[str, str], name: str, texts: dict[str, str], above: tuple[str, ...]
) -> None:
    if name in texts:
        return
    if name in above:
        raise ValueError(f"modules import each other in a circle: {' -> '.join((*above, name))}")
    if name not in modules:
        raise ValueError(f"{above[-1] if above else 'the page'} needs {name}, which is missing")
    for _, needed in IMPORT.findall(modules[name]):
        _add(modules, needed, texts, (*above, name))
    texts[name] = _as_function(name, modules[name])


def _as_function(name: str, source: str) -> str:
    exported = EXPORT.findall(source)
    text = EXPORT.sub("", IMPORT.sub(_taken, source)).strip()
    if other := OTHERS.search(text):
        raise ValueError(f"{name}: not understood: {other.group().strip()}")
    given = f"\nreturn {{ {', '.join(exported)} }};" if exported else ""
    return f"const {_variable(name)} = (() => {{\n{text}{given}\n}})();"


def _taken(statement: re.Match[str]) -> str:
    names = re.sub(r"\s+as\s+", ": ", statement[1].strip())
    return f"const {{ {names} }} = {_variable(statement[2])};"


def _variable(name: str) -> str:
    return "module_" + re.sub(r"\W", "_", PurePath(name).stem)


def inline(script: str) -> str:
    """A script as it may stand inside a <script> element."""
    ends = re.compile(r"</(script)|<!--", re.I)
    return ends.sub(lambda found: found.group().replace("<", r"\x3c"), script)
