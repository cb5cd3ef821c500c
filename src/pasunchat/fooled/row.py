"""The talk's row of three pictures: the photo, the noise, what came out."""

from pathlib import Path

import numpy as np

from pasunchat.fooled.outcome import Outcome
from pasunchat.photos.image import open_photo, write_png
from pasunchat.pictures.lettering import near_side
from pasunchat.pictures.row import SIDE, gain_in_words, noise_gain, with_captions
from pasunchat.story.wording import TERMINAL, Words

ROW = "row.png"


def draw_row(folder: Path, outcome: Outcome) -> Path:
    """Draw row.png from the files that `keep` left in `folder`; at most 1,488 pixels wide."""
    files = (folder / "photo.png", folder / "noise.png", folder / outcome.picture)
    images = [np.asarray(open_photo(file).picture) for file in files]
    pictures = [near_side(image, SIDE) for image in images]
    gain = noise_gain(images[0], images[2])
    sheet = with_captions(pictures, captions(outcome), gain_in_words(gain))
    write_png(folder / ROW, np.asarray(sheet), {})
    return folder / ROW


def captions(outcome: Outcome, words: Words = TERMINAL) -> tuple[str, str, str]:
    """The talk's three: "Initial dog at 83 %", "+ 0.032x", "= cat at 95 %"."""
    before, after = outcome.before, outcome.after
    stays = after.label == before.label
    end = "cap_end" if outcome.fooled else "cap_end_still" if stays else "cap_end_not"
    changed = outcome.largest_change
    return (
        words.t("cap_initial", a=words.cls(before.label), p=words.pc(before.confidence)),
        words.t("cap_plus" if changed else "cap_plus_none", factor=words.num(outcome.factor, 3)),
        words.t(
            end,
            a=words.cls(after.label),
            b=words.cls(outcome.goal),
            p=words.pc(after.confidence),
        ),
    )
