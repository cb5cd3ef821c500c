"""Contact sheets: many pictures on one, a small caption under each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pasunchat.photos.image import write_png
from pasunchat.pictures.lettering import near_side, shortened, write

GAP, LINE, LETTERS = 12, 20, 15
INK = (34, 34, 34)


def draw_sheet(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[str] = (),
    *,
    columns: int = 8,
    side: int = 224,
) -> Path:
    """Write a PNG of pictures, uint8 [H, W, 3] each and all of one size, row by row.

    captions: one a picture, of one or more lines; or none at all. side: of a picture on the
    sheet, in pixels, at most.
    """
    pictures = [near_side(image, side) for image in images]
    lines = [caption.splitlines() for caption in captions]
    width, height = pictures[0].size
    below = max((LINE * len(text) for text in lines), default=0)
    columns, rows = min(columns, len(pictures)), -(-len(pictures) // columns)
    step_x, step_y = width + GAP, height + below + GAP
    sheet = Image.new("RGB", (GAP + columns * step_x, GAP + rows * step_y), "white")
    for place, picture in enumerate(pictures):
        left, top = GAP + place % columns * step_x, GAP + place // columns * step_y
        sheet.paste(picture, (left, top))
        if lines:
            _write(sheet, lines[place], left, top + height, width)
    write_png(path, np.asarray(sheet), {})
    return path


def _write(sheet: Image.Image, lines: list[str], left: int, top: int, width: int) -> None:
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(lines):
        text = shortened(line, LETTERS, width)
        write(draw, (left, top + (place + 1) * LINE - 4), text, LETTERS, INK)
