"""Modules become one script that does the same."""

import pytest

from pasunchat.pack.bundle import bundled, inline

MODULES = {
    "start.js": 'import { two } from "./two.js";\n'
    'import { one as first, again } from "./one.js";\nwindow.x = [two, first, again()];',
    "two.js": 'import { one } from "./one.js";\nconst own = 1;\nexport const two = one + own;',
    "one.js": "const own = 0;\nexport const one = own + 1;\n"
    "export function again() { return own; }",
}


def test_modules_become_one_script_that_does_the_same(browser):
    script = bundled(MODULES, "start.js")
    assert script.count("const one") == 1
    page = browser.new_page()
    page.add_script_tag(content=script)
    assert page.evaluate("window.x") == [2, 1, 0]
    page.close()


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        ({"a.js": 'import { b } from "./b.js";'}, "b.js, which is missing"),
        (
            {"a.js": 'import { b } from "./b.js";', "b.js": 'import { a } from "./a.js";'},
            "circle: a.js -> b.js -> a.js",
        ),
        ({"a.js": 'import b from "./b.js";'}, "not understood"),
        ({"a.js": "export default 1;"}, "not understood"),
        ({"a.js": "export let b = 1;"}, "not understood"),
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
