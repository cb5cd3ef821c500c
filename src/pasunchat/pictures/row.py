"""The talk's row of three pictures: a photo, its noise, what came out, each with a caption.

Noise is drawn stronger than it is, or it would be grey; the row says how much.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pasunchat.pictures.lettering import fitting_size, shortened, write
from pasunchat.story.wording import TERMINAL, Words

SIDE, GAP, MARGIN = 460, 30, 24
LARGEST, SMALLEST = 34, 18
INK, SOFT = (34, 34, 34), (93, 90, 84)
DRAWN_WHOLE = 0.95  # of the changed values; the few that are larger would leave the rest grey


def noise_gain(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> int:
    """How many times stronger noise is drawn than it is: so that DRAWN_WHOLE of the changed values
    fit into the range, as far as that is more than once. Both are [H, W, 3] in levels of 255, whole
    ones or not."""
    change = np.abs(picture.astype(np.float64) - photo.astype(np.float64))
    return gain_of(change)


def gain_of(change: NDArray[np.float64], span: float = 127.5) -> int:
    """How many times stronger a change, any shape, is drawn where `span` of it is all there is
    room for."""
    sizes = np.abs(change[change != 0])
    if not sizes.size:
        return 1
    return max(1, int(span / np.quantile(sizes, DRAWN_WHOLE, method="higher")))


def drawn_noise(
    photo: NDArray[np.uint8], picture: NDArray[np.uint8], gain: int
) -> NDArray[np.uint8]:
    """The change, `gain` times stronger, around a grey that is no change; what goes beyond black
    and white is cut off. uint8 [H, W, 3]."""
    change = picture.astype(np.float64) - photo.astype(np.float64)
    drawn: NDArray[np.uint8] = np.rint((128 + gain * change).clip(0, 255)).astype(np.uint8)
    return drawn


def gain_in_words(gain: int, words: Words = TERMINAL) -> str:
    """What is written under the noise: "noise, drawn 42 times stronger"."""
    return words.t("gain" if gain > 1 else "gain_none", n=words.cnt(gain))


def with_captions(
    pictures: list[Image.Image], texts: tuple[str, ...], below: str = ""
) -> Image.Image:
    """Three pictures of one size beside each other, a text over each, and one below the second."""
    width, height = pictures[0].size
    size = fitting_size(texts, width, largest=LARGEST, smallest=SMALLEST)
    top = MARGIN + round(1.6 * LARGEST)
    foot = round(1.6 * SMALLEST) if below else 0
    whole = (2 * MARGIN + 3 * width + 2 * GAP, top + height + foot + MARGIN)
    sheet = Image.new("RGB", whole, "white")
    draw = ImageDraw.Draw(sheet)
    for place, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        left = MARGIN + place * (width + GAP)
        sheet.paste(picture, (left, top))
        middle = (left + width // 2, MARGIN + LARGEST)
        write(draw, middle, shortened(text, size, width), size, INK, centred=True)
    if below:
        place_below = (whole[0] // 2, top + height + foot)
        write(draw, place_below, shortened(below, SMALLEST, width), SMALLEST, SOFT, centred=True)
    return sheet
