"""Contact sheets: where each picture is, and the same bytes again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pasunchat.pictures.sheet import draw_sheet


def pixels_of(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


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
