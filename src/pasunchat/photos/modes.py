"""Pictures of any mode to RGB: the written rule of each mode."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]


def to_rgb(picture: Image.Image) -> Image.Image:
    """A loaded picture of any mode as RGB. Raises ValueError for a mode without a rule.

    Transparency (a channel, or a colour or palette entry that stands for it): laid over white.
    16-bit grey: divided by 257. Wider whole numbers: as 16-bit grey if they lie in 0..65535.
    Floats: times 255 if they lie in 0..1. Whole numbers and floats beyond that: the least becomes
    black, the greatest white. CMYK and LAB: without their profiles. Others lose nothing.
    """
    if picture.mode in DEEP:
        grey = DEEP[picture.mode](np.asarray(picture).astype(np.float64))
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        return _over_white(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _over_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "La":  # Pillow has no direct way from here to RGBA
        picture = picture.convert("LA")
    above = picture.convert("RGBA")
    white = Image.new("RGBA", above.size, "white")
    return Image.alpha_composite(white, above).convert("RGB")


def _grey_16(values: Floats) -> Floats:
    return values / 257


def _whole_numbers(values: Floats) -> Floats:
    fits = values.min() >= 0 and values.max() <= 65535
    return _grey_16(values) if fits else _stretched(values)


def _floats(values: Floats) -> Floats:
    values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
    fits = values.min() >= 0 and values.max() <= 1
    return values * 255.0 if fits else _stretched(values)


def _stretched(values: Floats) -> Floats:
    least, greatest = float(values.min()), float(values.max())
    if least == greatest:
        return np.zeros_like(values)
    return (values - least) / (greatest - least) * 255


DEEP: Mapping[str, Callable[[Floats], Floats]] = {
    "I;16": _grey_16,
    "I;16L": _grey_16,
    "I;16B": _grey_16,
    "I;16N": _grey_16,
    "I": _whole_numbers,
    "F": _floats,
}
