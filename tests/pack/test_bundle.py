"""Modules become one script that does the same."""

import pytest

from pasunchat.pack.bundle import bundled, inline


def test_what_is_imported_stands_before_what_imports_it():
    modules = {
        "start.js": 'import { two } from "./two.js";\n'
        'import { one } from "./one.js";\nwindow.x = two + one;',
        "two.js": 'import { one } from "./one.js";\nexport const two = one + one;',
        "one.js": "export const one = 1;",
    }
    script = bundled(modules, "start.js")
    assert script.index("const one") < script.index("const two") < script.index("window.x")
    assert script.count("const one") == 1
    assert "import" not in script and "export" not in script


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        ({"a.js": 'import { b } from "./b.js";'}, "b.js, which is missing"),
        (
            {"a.js": 'import { b } from "./b.js";', "b.js": 'import { a } from "./a.js";'},
            "circle: a.js -> b.js -> a.js",
        ),
        (
            {"a.js": 'import { b } from "./b.js";\nconst x = 1;', "b.js": "export const x = 2;"},
            "x is declared in b.js and in a.js",
        ),
        ({"a.js": 'import b from "./b.js";'}, "not understood"),
        ({"a.js": "export default 1;"}, "not understood"),
        ({"a.js": 'const b = await import("./b.js");'}, "not understood"),
    ],
)
def test_what_is_not_understood_is_refused(modules, reason):
    with pytest.raises(ValueError, match=reason):
        bundled(modules, "a.js")


def test_no_script_ends_its_element():
    assert "</script" not in inline('const a = "</script>";')
    assert "<!--" not in inline("const a = '<!--';")
    assert inline("a < b") == "a < b"
