"""The program's own pictures: drawn cats, drawn dogs, and a pipe.

Colours, fur, places, light and poses come from the same chances for both kinds: only shape
tells a cat from a dog.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pasunchat.photos.drawing.anatomy import CAT, DOG, Anatomy
from pasunchat.photos.drawing.animal import draw_animal
from pasunchat.photos.drawing.canvas import OVERSAMPLING, Sheet
from pasunchat.photos.drawing.pipe import pipe_picture
from pasunchat.photos.drawing.scene import background, draw_foreground, lit

KINDS = ("cat", "dog")
SMALLEST_SIZE = 16  # pixels

_ANATOMIES: dict[str, Anatomy] = {"cat": CAT, "dog": DOG}


def draw(kind: str, seed: int, index: int, size: int = 224) -> Image.Image:
    """Draw animal number `index` of a series: an RGB picture of `size` by `size` pixels.

    `kind` is one of KINDS; `seed` and `index` are at least 0. The same arguments always give
    the same pixels. Raises ValueError for any other kind, a negative number, or a size under
    SMALLEST_SIZE.
    """
    if kind not in _ANATOMIES:
        raise ValueError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    _check_numbers(size, seed, index)
    rng = np.random.default_rng((seed, KINDS.index(kind), index))
    sheet = Sheet(background(size, rng))
    draw_animal(sheet, _ANATOMIES[kind], rng)
    draw_foreground(sheet, rng)
    return lit(sheet.image.reduce(OVERSAMPLING), rng)


def draw_pipe(seed: int = 0, size: int = 224) -> Image.Image:
    """Draw a smoker's pipe, neither cat nor dog: an RGB picture of `size` by `size` pixels.

    `seed` is at least 0 and varies its place and colours. The same arguments always give the
    same pixels. Raises ValueError for a negative seed or a size under SMALLEST_SIZE.
    """
    _check_numbers(size, seed)
    return pipe_picture(size, np.random.default_rng(seed))


def _check_numbers(size: int, *numbers: int) -> None:
    if size < SMALLEST_SIZE:
        raise ValueError(f"size is {size} pixels: expected at least {SMALLEST_SIZE}")
    if min(numbers) < 0:
        raise ValueError(f"seed or index is {min(numbers)}: expected at least 0")
