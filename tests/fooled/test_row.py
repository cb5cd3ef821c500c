"""The row of three pictures: its captions, its pixels, its bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.fooled.fool_photos import FoolOptions, fool_photos
from pasunchat.fooled.outcome import Outcome
from pasunchat.fooled.row import captions, draw_row
from pasunchat.pictures.row import LARGEST, MARGIN


def test_the_row_speaks_as_the_talk(outcome: Outcome) -> None:
    assert captions(outcome) == ("Initial dog at 83 %", "+ 0.031x", "= cat at 95 %")


def test_the_row_says_what_was_not_reached(outcome: Outcome) -> None:
    failed = replace(outcome, fooled=False, after=Prediction("dog", 0.6))
    assert captions(failed)[2] == "= still dog at 60 %"
    elsewhere = replace(failed, after=Prediction("fox", 0.5))
    assert captions(elsewhere)[2] == "= fox, not cat, at 50 %"
    untouched = replace(failed, factor=0.0, largest_change=0, l2=0.0, control=None)
    assert captions(untouched)[1] == "+ nothing"


def test_the_row_shows_the_three_pictures_enlarged_without_blur(
    classifier: Classifier, photo: Path
) -> None:
    (at,) = fool_photos(classifier, [photo], options=FoolOptions("cat"))
    with Image.open(at.folder / "row.png") as drawn, Image.open(photo) as before:
        row, enlarged = np.asarray(drawn), np.asarray(before).repeat(28, 0).repeat(28, 1)
    assert row.shape[1] <= 1500
    top = MARGIN + round(1.6 * LARGEST)
    assert np.array_equal(row[top : top + 448, MARGIN : MARGIN + 448], enlarged)


def test_the_row_is_the_same_bytes_again(classifier: Classifier, photo: Path) -> None:
    (at,) = fool_photos(classifier, [photo], options=FoolOptions("cat"))
    first = (at.folder / "row.png").read_bytes()
    assert draw_row(at.folder, at.outcome).read_bytes() == first
