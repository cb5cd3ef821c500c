"""A photo's file becomes, in the page, the very square that the program makes of it."""

import base64
import io

import numpy as np
import PIL
import pytest
from PIL import Image

from pasunchat.pack.weights import columns_first
from pasunchat.photos.drawing import draw
from pasunchat.photos.image import decode_photo

SEEN = """
const bytes = Uint8Array.from(atob(v.file), (c) => c.charCodeAt(0));
const photo = await probe.decoded(new Blob([bytes]));
const seen = await probe.inSlices(probe.framed(photo, v.size, v.framing, v.columns_first));
const { width, height } = photo;
return { width, height, box: seen.box, levels: [...seen.data] };
"""


def saved(picture: Image.Image, kind: str, **settings: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def drawn(width: int, height: int) -> Image.Image:
    return draw("cat", 0, 0, 512).resize((width, height))


FILES = {
    "wide noise": lambda: saved(noise(70, 301, 3), "PNG"),
    "tall noise": lambda: saved(noise(301, 177, 3), "PNG"),
    "small noise": lambda: saved(noise(7, 31, 3), "PNG"),
    "one pixel": lambda: saved(noise(1, 1, 3), "PNG"),
    "transparent": lambda: saved(noise(90, 60, 4), "PNG"),
    "palette": lambda: saved(drawn(200, 150).quantize(32), "GIF"),
    "grey": lambda: saved(drawn(200, 150).convert("L"), "PNG"),
    "jpeg": lambda: saved(drawn(450, 300), "JPEG", quality=85),
    "jpeg, full colour": lambda: saved(drawn(450, 300), "JPEG", quality=95, subsampling=0),
    "jpeg, progressive": lambda: saved(drawn(333, 500), "JPEG", progressive=True),
    "jpeg, turned by EXIF": lambda: saved(drawn(400, 300), "JPEG", exif=turned()),
    "webp": lambda: saved(drawn(300, 280), "WEBP", quality=80),
}


@pytest.mark.parametrize("framing", ["pad", "crop", "squash"])
@pytest.mark.parametrize("name", FILES)
def test_the_square_is_the_programs(name, framing, ask):
    """In Chromium to the last level, but where transparent pixels are laid over white."""
    data = FILES[name]()
    expected = decode_photo(data)
    found = ask(
        SEEN,
        file=base64.b64encode(data).decode(),
        size=96,
        framing=framing,
        columns_first=columns_first(PIL.__version__),
    )
    assert (found["width"], found["height"]) == (expected.width, expected.height)
    levels = np.array(found["levels"]).reshape(96, 96, 3)
    off = np.abs(levels - expected.square(96, framing).astype(int))
    assert off.max() <= (1 if name == "transparent" else 0)


def test_the_box_is_where_the_photo_lies(ask):
    data = saved(noise(50, 100, 3), "PNG")
    given = {"file": base64.b64encode(data).decode(), "size": 64, "columns_first": True}
    assert ask(SEEN, framing="pad", **given)["box"] == [0, 16, 64, 48]
    assert ask(SEEN, framing="crop", **given)["box"] == [0, 0, 64, 64]


REFUSED = {
    "empty": b"",
    "not-an-image": b"this is no picture, but a text of some length",
    "damaged": saved(noise(40, 40, 3), "PNG")[:60],
    "heic": b"\0\0\0\x18ftypheic" + bytes(40),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_file_that_is_no_photo_is_named(reason, ask):
    found = ask(
        """
        const blob = new Blob([Uint8Array.from(atob(v.file), (c) => c.charCodeAt(0))]);
        return probe.decoded(blob).then(() => "a photo", (problem) => problem.reason);
        """,
        file=base64.b64encode(REFUSED[reason]).decode(),
    )
    assert found == reason
