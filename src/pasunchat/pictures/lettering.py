"""Letters and whole pixels for pictures made of pictures: rows and contact sheets."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from pasunchat.pictures.fonts import drawable, runs


@cache
def _sized(file: Path, size: int, shaped: bool) -> ImageFont.FreeTypeFont:
    """shaped: letters are joined and ordered as their script asks, where Pillow can."""
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(file, size, layout_engine=engine)


def _parts(text: str, size: int) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    """The text in parts, each with the font that has its letters; those of ASCII never shaped, so
    that they are the same on every machine."""
    whole = drawable(text)
    shaped = not whole.isascii() and features.check("raqm")
    return [(_sized(font.file, size, shaped), part) for font, part in runs(whole)]


def width_of(text: str, size: int) -> float:
    """How wide a text is, in pixels, in letters of `size` pixels."""
    return sum(font.getlength(part) for font, part in _parts(text, size))


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    *,
    centred: bool = False,
) -> None:
    """Write a line of text, its baseline at `place`, from there on or around it."""
    left, baseline = place
    if text.isascii():
        (font, _), *_ = _parts(text or " ", size)
        draw.text(place, text, ink, font, anchor="ms" if centred else "ls")
        return
    left -= width_of(text, size) / 2 if centred else 0
    for font, part in _parts(text, size):
        draw.text((left, baseline), part, ink, font, anchor="ls")
        left += font.getlength(part)


def fitting_size(texts: tuple[str, ...], width: int, *, largest: int, smallest: int) -> int:
    """The largest letters, in pixels, in which every text is at most `width` pixels wide."""
    for size in range(largest, smallest, -1):
        if all(width_of(text, size) <= width for text in texts):
            return size
    return smallest


def shortened(text: str, size: int, width: int) -> str:
    """The text, ended by "…" where it would be wider than `width` pixels."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(f"{text}…", size) > width:
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
