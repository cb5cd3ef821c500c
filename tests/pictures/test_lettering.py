"""Letters and whole pixels that fit their places."""

import numpy as np

from pasunchat.pictures.lettering import fitting_size, font, near_side, shortened


def test_a_picture_wider_than_its_place_is_reduced_by_a_whole_factor() -> None:
    assert near_side(np.zeros((900, 1000, 3), np.uint8), 460).size == (334, 300)
    assert near_side(np.zeros((100, 200, 3), np.uint8), 460).size == (400, 200)


def test_long_captions_are_shortened_to_their_width() -> None:
    text = shortened("a very long name of a very rare animal", 15, 120)
    assert text.endswith("…") and font(15).getlength(text) <= 120
    assert shortened("cat", 15, 120) == "cat"


def test_letters_are_as_large_as_the_longest_text_allows() -> None:
    texts = ("cat", "a very rare animal")
    size = fitting_size(texts, 200, largest=34, smallest=10)
    assert 10 < size < 34
    assert font(size).getlength(texts[1]) <= 200 < font(size + 1).getlength(texts[1])
    assert fitting_size(("cat",), 200, largest=34, smallest=10) == 34
    assert fitting_size(texts, 20, largest=34, smallest=10) == 10
