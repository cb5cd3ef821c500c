from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.fool_photos import FoolOptions, fool_photos
from pasunchat.fooled.row import draw_row
from pasunchat.pictures.lettering import font, near_side, shortened
from pasunchat.pictures.sheet import draw_sheet


def pixels_of(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_row_shows_the_three_pictures_enlarged_without_blur(
    classifier: Classifier, photo: Path
) -> None:
    (at,) = fool_photos(classifier, [photo], wanted=FoolOptions("cat"))
    row = pixels_of(at.folder / "row.png")
    assert row.shape[1] <= 1500
    enlarged = pixels_of(photo).repeat(28, 0).repeat(28, 1)
    bottom = row.shape[0] - 24
    assert np.array_equal(row[bottom - 448 : bottom, 24 : 24 + 448], enlarged)


def test_the_row_is_the_same_bytes_again(classifier: Classifier, photo: Path) -> None:
    (at,) = fool_photos(classifier, [photo], wanted=FoolOptions("cat"))
    first = (at.folder / "row.png").read_bytes()
    assert draw_row(at.folder, at.outcome).read_bytes() == first


def test_a_picture_wider_than_its_place_is_reduced_by_a_whole_factor() -> None:
    assert near_side(np.zeros((900, 1000, 3), np.uint8), 460).size == (334, 300)
    assert near_side(np.zeros((100, 200, 3), np.uint8), 460).size == (400, 200)


def test_long_captions_are_shortened_to_their_width() -> None:
    text = shortened("a very long name of a very rare animal", 15, 120)
    assert text.endswith("…") and font(15).getlength(text) <= 120
    assert shortened("cat", 15, 120) == "cat"


def test_a_sheet_has_its_pictures_in_rows(tmp_path: Path) -> None:
    images = [np.full((20, 20, 3), 10 * index, np.uint8) for index in range(5)]
    captions = [f"number {index}\nsecond line" for index in range(5)]
    path = draw_sheet(tmp_path / "sheet.png", images, captions, columns=3, side=60)
    sheet = pixels_of(path)
    assert sheet.shape == (12 + 2 * (60 + 40 + 12), 12 + 3 * 72, 3)
    assert (sheet[12:72, 84:144] == 10).all()
    assert (sheet[124:184, 84:144] == 40).all()
    assert (sheet[124:184, 156:216] == 255).all()
    again = draw_sheet(tmp_path / "again.png", images, captions, columns=3, side=60)
    assert again.read_bytes() == path.read_bytes()


def test_a_sheet_without_captions_has_no_room_for_them(tmp_path: Path) -> None:
    images = [np.zeros((20, 20, 3), np.uint8)] * 2
    sheet = pixels_of(draw_sheet(tmp_path / "sheet.png", images, side=20))
    assert sheet.shape == (12 + 32, 12 + 2 * 32, 3)
