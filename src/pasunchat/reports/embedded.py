"""Pictures inside a page: data URIs of PNG and SVG, and maps drawn in ink."""

import io
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from pasunchat.pictures.figures import svg
from pasunchat.pictures.lettering import near_side

WIDEST = 672  # pixels; wider pictures are averaged down, since a page is no place for 12 million


@dataclass(frozen=True)
class Picture:
    """A picture in a page."""

    uri: str
    width: int  # in pixels of its file
    height: int


def png_picture(path: Path) -> Picture:
    """A PNG file, byte for byte where it is not wider than a page needs."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        if image.width > WIDEST:
            return picture(np.asarray(image.convert("RGB")))
        return Picture(_png_uri(data), *image.size)


def picture(image: NDArray[np.uint8]) -> Picture:
    """uint8 [H, W, 3] as an exact PNG, averaged down where it is wider than a page needs."""
    shown = Image.fromarray(image)
    return _encoded(near_side(image, WIDEST) if shown.width > WIDEST else shown)


def ink(shades: NDArray[np.uint8]) -> Picture:
    """uint8 [H, W] in ink on whatever is behind it: 0 is nothing, 255 all black."""
    drawn = Image.fromarray(shades, "L").convert("P")
    drawn.putpalette(bytes(3 * 256))
    return _encoded(drawn, transparency=bytes(range(256)))


def figure_picture(figure: Figure) -> Picture:
    """A figure as SVG, its size in points. Call it within `styled`."""
    width, height = (round(72 * side) for side in figure.get_size_inches())
    return Picture(f"data:image/svg+xml;base64,{_base64(svg(figure))}", width, height)


def _encoded(image: Image.Image, **settings: object) -> Picture:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=9, **settings)
    return Picture(_png_uri(file.getvalue()), *image.size)


def _png_uri(data: bytes) -> str:
    return f"data:image/png;base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
