"""A page in Chromium that has the pack's own modules as `probe`."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

STATIC = Path(__file__).parents[2] / "src" / "pasunchat" / "pack" / "static"
PROBED = {
    "decode.js": "decoded",
    "inside.js": "growthIn layersIn mapsIn pushesIn unitIn votesIn",
    "network.js": "forward logitsOf openNetwork pixelsOf slopeAt sumAt",
    "noise.js": "shuffled",
    "resample.js": "framed",
    "slices.js": "inSlices",
    "turning.js": "goalOf turning",
}

Ask = Callable[..., Any]


def _probe() -> str:
    names = {file: ", ".join(words.split()) for file, words in PROBED.items()}
    imports = [f'import {{ {words} }} from "./{file}";' for file, words in names.items()]
    return "\n".join([*imports, f"window.probe = {{ {', '.join(names.values())} }};"])


@pytest.fixture(scope="session")
def ask(browser: Any) -> Iterator[Ask]:
    """ask(expression, **values): what a JavaScript function of one object, `v`, gives; it sees the
    modules as `probe`. Fails where the page raises an error."""
    from pasunchat.pack.bundle import bundled

    page, errors = browser.new_page(), []
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


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small classifier of three classes, not trained."""
    from pasunchat.classifiers.build import build
    from pasunchat.classifiers.files import save

    folder = tmp_path_factory.mktemp("runs") / "small"
    classes = ("cat", "dog", "<fox>")
    save(build("simple:width=4,depth=2", classes=classes, size=32, seed=5), folder)
    return folder


@pytest.fixture(scope="session")
def own_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of the user's, whose name is also a sample's."""
    from pasunchat.photos.drawing import draw

    path = tmp_path_factory.mktemp("photos") / "dog.jpg"
    draw("dog", 7, 1, 200).save(path, quality=90)
    return path


@pytest.fixture(scope="session")
def pack_quickly() -> Iterator[Callable[..., object]]:
    """`pack`, with two of the talk's bargains instead of six: each is a long search."""
    pytest.importorskip("starlette")
    from pasunchat.pack.pack import pack

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pasunchat.page.later.PRICES", (0.3, 0.1))
        yield pack


@pytest.fixture(scope="session")
def packed(
    tmp_path_factory: pytest.TempPathFactory,
    pack_quickly: Callable[..., object],
    run: Path,
    own_photo: Path,
) -> Path:
    """The page of that classifier, as a folder."""
    folder = tmp_path_factory.mktemp("packed") / "page"
    pack_quickly(str(run), folder, [own_photo])
    return folder
