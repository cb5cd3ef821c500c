"""The talk's row of three pictures: the photo, the noise, what came out."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pasunchat.fooled.outcome import Outcome
from pasunchat.photos.image import open_photo, write_png
from pasunchat.pictures.lettering import fitting_size, near_side, shortened, write
from pasunchat.words import factor, percent

SIDE, GAP, MARGIN = 460, 30, 24
LARGEST, SMALLEST = 34, 18
INK = (34, 34, 34)
ROW = "row.png"


def draw_row(folder: Path, outcome: Outcome) -> Path:
    """Draw row.png from the files that `keep` left in `folder`; at most 1,488 pixels wide."""
    files = (folder / "photo.png", folder / "noise.png", folder / outcome.picture)
    images = [np.asarray(open_photo(file).picture) for file in files]
    pictures = [near_side(image, SIDE) for image in images]
    sheet = with_captions(pictures, captions(outcome))
    write_png(folder / ROW, np.asarray(sheet), {})
    return folder / ROW


def captions(outcome: Outcome) -> tuple[str, str, str]:
    """The talk's three: "Initial dog at 83 %", "+ 0.032x", "= cat at 95 %"."""
    before, after = outcome.before, outcome.after
    return (
        f"Initial {before.label} at {percent(before.confidence)}",
        f"+ {factor(outcome.factor)}x" if outcome.largest_change else "+ nothing",
        f"= {_outcome(outcome)} at {percent(after.confidence)}",
    )


def _outcome(outcome: Outcome) -> str:
    answer = outcome.after.label
    if outcome.fooled:
        return answer
    if answer == outcome.before.label:
        return f"still {answer}"
    return f"{answer}, not {outcome.goal},"


def with_captions(pictures: list[Image.Image], texts: tuple[str, ...]) -> Image.Image:
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
