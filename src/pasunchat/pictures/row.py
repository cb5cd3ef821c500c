"""The talk's row of three pictures: a photo, its noise, what came out, each with a caption."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pasunchat.pictures.lettering import fitting_size, shortened, write

SIDE, GAP, MARGIN = 460, 30, 24
LARGEST, SMALLEST = 34, 18
INK = (34, 34, 34)


def noise_at_full_range(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The change, stretched so that its largest part spans the range; grey is no change. Both are
    [H, W, 3] in levels of 255, whole ones or not."""
    change = picture.astype(np.float64) - photo.astype(np.float64)
    largest = float(np.abs(change).max()) or 1.0
    stretched: NDArray[np.uint8] = np.rint(127.5 + 127.5 * change / largest).astype(np.uint8)
    return stretched


def with_captions(pictures: list[Image.Image], texts: tuple[str, ...]) -> Image.Image:
    """Three pictures of one size beside each other, a text over each."""
    width, height = pictures[0].size
    size = fitting_size(texts, width, largest=LARGEST, smallest=SMALLEST)
    top = MARGIN + round(1.6 * LARGEST)
    whole = (2 * MARGIN + 3 * width + 2 * GAP, top + height + MARGIN)
    sheet = Image.new("RGB", whole, "white")
    draw = ImageDraw.Draw(sheet)
    for place, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        left = MARGIN + place * (width + GAP)
        sheet.paste(picture, (left, top))
        middle = (left + width // 2, MARGIN + LARGEST)
        write(draw, middle, shortened(text, size, width), size, INK, centred=True)
    return sheet
