"""A page in Chromium that has the pack's own modules as `probe`."""

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

STATIC = Path(__file__).parents[2] / "src" / "pasunchat" / "pack" / "static"
PROBED = {
    "decode.js": "decoded",
    "network.js": "forward logitsOf openNetwork pixelsOf slopeAt sumAt",
    "resample.js": "framed",
    "slices.js": "inSlices",
}

Ask = Callable[..., Any]


def _probe() -> str:
    names = {file: ", ".join(words.split()) for file, words in PROBED.items()}
    imports = [f'import {{ {words} }} from "./{file}";' for file, words in names.items()]
    return "\n".join([*imports, f"window.probe = {{ {', '.join(names.values())} }};"])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium here (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ask(chromium: Any) -> Iterator[Ask]:
    """ask(expression, **values): what a JavaScript function of one object, `v`, gives; it sees the
    modules as `probe`. Fails where the page raises an error."""
    from pasunchat.pack.bundle import bundled

    page, errors = chromium.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    modules = {path.name: path.read_text() for path in STATIC.glob("*.js")}
    page.add_script_tag(content=bundled({**modules, "probe.js": _probe()}, "probe.js"))

    def asked(body: str, **values: Any) -> Any:
        result = page.evaluate(f"async (v) => {{ {body} }}", values)
        assert not errors
        return result

    yield asked


def as_text(data: bytes) -> str:
    """Bytes as a page takes them: atob gives them back."""
    return base64.b64encode(data).decode()


@pytest.fixture
def noise() -> Callable[[int], np.ndarray]:
    """An image of noise, uint8 [size, size, 3]."""
    return lambda size: np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
