"""ES modules as one plain script: a page opened from disk may load no modules.

Understood is what the modules of this program use: named imports and exports, one statement each,
from "./name.js"; names at the top are unique over all of them.
"""

import re
from collections.abc import Mapping

IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./([\w-]+\.js)";[^\S\n]*\n?', re.M)
EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|const|let|class)\b)", re.M)
OTHERS = re.compile(r"^\s*(?:import|export)\b.*|\bimport\s*\(.*|^\s*import\.meta.*", re.M)
DECLARED = re.compile(r"^(?:async\s+)?(?:function\*?|const|let|class)\s+([A-Za-z_$][\w$]*)", re.M)


def bundled(modules: Mapping[str, str], start: str) -> str:
    """The module `start` and all that it imports, each after what it imports, as one function.

    modules: sources by name. Raises ValueError for a module that is missing, circles, a statement
    that is not understood, and a name that two modules declare.
    """
    texts: dict[str, str] = {}
    _add(modules, start, texts, ())
    owners: dict[str, str] = {}
    for name, text in texts.items():
        for declared in DECLARED.findall(text):
            if owners.setdefault(declared, name) != name:
                raise ValueError(f"{declared} is declared in {owners[declared]} and in {name}")
    whole = "\n".join(text.strip() for text in texts.values())
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
    source = modules[name]
    for needed in IMPORT.findall(source):
        _add(modules, needed, texts, (*above, name))
    text = EXPORT.sub("", IMPORT.sub("", source))
    if other := OTHERS.search(text):
        raise ValueError(f"{name}: not understood: {other.group().strip()}")
    texts[name] = text


def inline(script: str) -> str:
    """A script as it may stand inside a <script> element."""
    return re.sub(
        r"</(script)|<!--", lambda found: found.group().replace("<", r"\x3c"), script, flags=re.I
    )
