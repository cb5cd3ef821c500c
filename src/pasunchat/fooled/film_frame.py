"""One frame of the film: the photo being changed, the change, a bar of the confidence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pasunchat.classifiers.classifier import Prediction
from pasunchat.pictures.lettering import fitting_size, near_side, shortened, write
from pasunchat.words import percent

SIDE, GAP, MARGIN = 320, 16, 16
LARGEST, SMALLEST = 20, 12
BAR = 14
INK, PALE, FALLEN = (34, 34, 34), (225, 225, 225), (200, 60, 30)


@dataclass(frozen=True)
class Shown:
    """What a frame shows. image, change: uint8 [H, W, 3], the change grey where there is none.
    share: of the whole change, in [0, 1]. confidence: in the goal's class. tipped: share and
    confidence of the frame where the answer became the goal; None before it. answers: all that
    are given in the film, so that its letters keep one size."""

    image: NDArray[np.uint8]
    change: NDArray[np.uint8]
    share: float
    prediction: Prediction
    goal: str
    confidence: float
    tipped: tuple[float, float] | None
    answers: tuple[str, ...]


def draw_frame(shown: Shown) -> Image.Image:
    """The frame, RGB, at most 688 pixels wide. From the tipping on, the picture is framed."""
    pictures = [near_side(image, SIDE) for image in (shown.image, shown.change)]
    width, height = pictures[0].size
    top, line = MARGIN + round(1.6 * LARGEST), round(1.8 * LARGEST)
    whole = (2 * MARGIN + 2 * width + GAP, top + height + GAP + BAR + line + MARGIN // 2)
    sheet = Image.new("RGB", whole, "white")
    draw = ImageDraw.Draw(sheet)
    colour = INK if shown.tipped is None else FALLEN
    texts = (
        f"{shown.prediction.label} at {percent(shown.prediction.confidence)}",
        _part_of_the_change(shown.share),
    )
    longest = tuple(f"{answer} at more than 99.9 %" for answer in shown.answers)
    size = fitting_size(longest, width, largest=LARGEST, smallest=SMALLEST)
    for place, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        left = MARGIN + place * (width + GAP)
        sheet.paste(picture, (left, top))
        middle, words = (left + width // 2, MARGIN + LARGEST), shortened(text, size, width)
        write(draw, middle, words, size, INK if place else colour, centred=True)
    if shown.tipped is not None:
        draw.rectangle((MARGIN - 4, top - 4, MARGIN + width + 3, top + height + 3), None, FALLEN, 4)
    _draw_bar(draw, shown, top + height + GAP, whole[0], size)
    return sheet


def _part_of_the_change(share: float) -> str:
    return "all of the change" if share == 1 else f"{100 * share:.0f} % of the change"


def _draw_bar(draw: ImageDraw.ImageDraw, shown: Shown, top: int, width: int, size: int) -> None:
    left, long, bottom = MARGIN, width - 2 * MARGIN - 1, top + BAR
    colour = INK if shown.tipped is None else FALLEN
    draw.rectangle((left, top, left + long, bottom), PALE)
    draw.rectangle((left, top, left + round(long * shown.confidence), bottom), colour)
    text = f"{shown.goal}: {percent(shown.confidence)}"
    if shown.tipped is not None:
        share, confidence = shown.tipped
        place = left + round(long * confidence)
        draw.line((place, top - 4, place, bottom + 4), INK, 2)
        text += f", the answer from {_part_of_the_change(share)} on"
    baseline = bottom + round(1.3 * LARGEST)
    write(draw, (left, baseline), shortened(text, size, long), size, INK)
