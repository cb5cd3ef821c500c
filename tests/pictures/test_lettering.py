"""Letters and whole pixels that fit their places."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pasunchat.pictures.lettering import fitting_size, near_side, shortened, width_of, write


def test_a_picture_wider_than_its_place_is_reduced_by_a_whole_factor() -> None:
    assert near_side(np.zeros((900, 1000, 3), np.uint8), 460).size == (334, 300)
    assert near_side(np.zeros((100, 200, 3), np.uint8), 460).size == (400, 200)


def test_long_captions_are_shortened_to_their_width() -> None:
    text = shortened("a very long name of a very rare animal", 15, 120)
    assert text.endswith("…") and width_of(text, 15) <= 120
    assert shortened("cat", 15, 120) == "cat"


def test_letters_are_as_large_as_the_longest_text_allows() -> None:
    texts = ("cat", "a very rare animal")
    size = fitting_size(texts, 200, largest=34, smallest=10)
    assert 10 < size < 34
    assert width_of(texts[1], size) <= 200 < width_of(texts[1], size + 1)
    assert fitting_size(("cat",), 200, largest=34, smallest=10) == 34
    assert fitting_size(texts, 20, largest=34, smallest=10) == 10


def written(text: str, *, centred: bool = False) -> np.ndarray:
    picture = Image.new("RGB", (200, 40), "white")
    write(
        ImageDraw.Draw(picture), (100 if centred else 10, 30), text, 20, (0, 0, 0), centred=centred
    )
    return np.asarray(picture)


@pytest.mark.parametrize("text", ["cat", "café", "кошка", "חתול"])
def test_a_text_is_written_from_its_place_on_or_around_it(text: str) -> None:
    for centred in (False, True):
        columns = np.flatnonzero((written(text, centred=centred) < 128).any((0, 2)))
        width = columns[-1] - columns[0] + 1
        assert abs(width - width_of(text, 20)) <= 6
        if centred:
            assert abs((columns[0] + columns[-1]) / 2 - 100) <= 3
        else:
            assert abs(columns[0] - 10) <= 3


def test_letters_of_no_font_are_written_as_their_codes(foreign: str) -> None:
    assert width_of(foreign, 20) == width_of("".join(f"U+{ord(each):04X}" for each in foreign), 20)


def test_letters_of_another_font_are_written_in_it(foreign: str, with_font: Path) -> None:
    """Its letters are black squares of 1 em."""
    ink = (written(f"a{foreign}b") < 128).all(2)
    assert width_of(foreign, 20) == pytest.approx(20 * len(foreign))
    assert ink.sum() > 0.8 * 20 * 20 * len(foreign)
