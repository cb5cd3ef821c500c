"""Letters and whole pixels for pictures made of pictures: rows and contact sheets."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, as Matplotlib brings it, so that pictures are the same on every machine."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def fitting_size(texts: tuple[str, ...], width: int, *, largest: int, smallest: int) -> int:
    """The largest letters, in pixels, in which every text is at most `width` pixels wide."""
    for size in range(largest, smallest, -1):
        if all(font(size).getlength(text) <= width for text in texts):
            return size
    return smallest


def shortened(text: str, size: int, width: int) -> str:
    """The text, ended by "…" where it would be wider than `width` pixels."""
    if font(size).getlength(text) <= width:
        return text
    while text and font(size).getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def near_side(image: NDArray[np.uint8], side: int) -> Image.Image:
    """uint8 [H, W, 3] enlarged by a whole factor to at most `side` pixels wide: crisp pixels.
    Wider pictures are averaged down by a whole factor."""
    picture, width = Image.fromarray(image), image.shape[1]
    if width > side:
        return picture.reduce(-(-width // side))
    times = side // width
    return picture.resize((width * times, image.shape[0] * times), Image.Resampling.NEAREST)
