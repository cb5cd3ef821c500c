"""How a picture becomes a square: pad, crop or squash."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Framing = Literal["pad", "crop", "squash"]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Decode = Literal["fast", "exact"]  # a JPEG at reduced size where that is enough, or exactly
FRAMINGS: tuple[Framing, ...] = ("pad", "crop", "squash")


def scaled_size(width: float, height: float, size: int, framing: Framing) -> tuple[int, int]:
    """Width and height of the whole picture once scaled for a square of `size` pixels."""
    if framing == "squash":
        return size, size
    longest, shortest = max(width, height), min(width, height)
    scale = size / (longest if framing == "pad" else shortest)
    return max(1, round(width * scale)), max(1, round(height * scale))


def frame(
    picture: Image.Image, size: int, framing: Framing, box: Box | None = None
) -> NDArray[np.uint8]:
    """An RGB picture as uint8 [size, size, 3]; bicubic; a square of that size is left as it is.

    pad: scaled to fit, edge pixels repeated (dark bars would disturb a network; the talk's way).
    crop: the middle square, scaled. squash: stretched. box: the part of the picture to take (all
    of it if None), in its pixels, fractions allowed.
    """
    whole = (0.0, 0.0, float(picture.width), float(picture.height))
    part = box or whole
    if framing == "crop":
        part = _middle(part)
    wanted = (size, size)
    if framing == "pad":
        wanted = scaled_size(part[2] - part[0], part[3] - part[1], size, framing)
    if picture.size != wanted or part != whole:
        picture = picture.resize(wanted, Image.Resampling.BICUBIC, box=part)
    pixels = np.asarray(picture, dtype=np.uint8)
    return _padded(pixels, size) if framing == "pad" else pixels


def _padded(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    if (height, width) == (size, size):
        return pixels
    square = np.empty((size, size, 3), np.uint8)
    square[top : top + height, left : left + width] = pixels
    square[:top], square[top + height :] = square[top], square[top + height - 1]
    square[:, :left] = square[:, left : left + 1]
    square[:, left + width :] = square[:, left + width - 1 : left + width]
    return square


def _middle(box: Box) -> Box:
    """The middle square, moved by whole pixels: no scaling where none is needed."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    left += (right - left - side) // 2
    top += (bottom - top - side) // 2
    return left, top, left + side, top + side
