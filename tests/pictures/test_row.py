"""The row of three pictures: the noise between the other two."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pasunchat.pictures.lettering import near_side
from pasunchat.pictures.row import (
    DRAWN_WHOLE,
    drawn_noise,
    gain_in_words,
    noise_gain,
    with_captions,
)

PICTURES = arrays.arrays(np.uint8, (2, 3, 3))


@settings(deadline=None)
@given(PICTURES, PICTURES, st.sampled_from([1, 1 / 8]))
def test_noise_keeps_its_signs_and_is_drawn_as_strong_as_is_said(
    photo: NDArray[np.uint8], picture: NDArray[np.uint8], unit: float
) -> None:
    """Also where the change is a part of a level."""
    gain = noise_gain(photo * unit, picture * unit)
    noise = drawn_noise(photo * unit, picture * unit, gain)
    change = unit * (picture.astype(float) - photo)
    assert noise.shape == photo.shape and noise.dtype == np.uint8
    assert set(noise[change == 0]) <= {128}
    whole = gain * np.abs(change) <= 127
    assert np.abs(noise[whole] - (128 + gain * change[whole])).max(initial=0) <= 0.5
    assert gain >= 1


def test_a_few_large_values_do_not_leave_the_rest_grey() -> None:
    photo = np.full((40, 40, 3), 100, np.uint8)
    picture = photo.copy()
    picture[::2] += 1
    picture[0, 0] = 255
    gain = noise_gain(photo, picture)
    assert gain == 127 and "127 times stronger" in gain_in_words(gain)
    drawn = drawn_noise(photo, picture, gain)
    assert (drawn == 255).mean() > 0.9 * DRAWN_WHOLE / 2
    assert noise_gain(photo, photo) == 1 and (drawn_noise(photo, photo, 1) == 128).all()
    assert gain_in_words(1) == "noise"


def test_a_change_of_a_few_pixels_is_measured_by_what_changed() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    picture = photo.copy()
    picture[3, 4] = 20
    assert noise_gain(photo, picture) == 6


def test_the_three_stand_beside_each_other() -> None:
    colours = [np.full((4, 4, 3), level, np.uint8) for level in (10, 128, 200)]
    row = np.asarray(with_captions([near_side(image, 200) for image in colours], ("a", "b", "c")))
    middle = row[row.shape[0] // 2, :, 0].tolist()
    assert [middle.count(level) for level in (10, 128, 200)] == [200, 200, 200]


def test_a_line_below_takes_place_of_its_own() -> None:
    pictures = [near_side(np.full((4, 4, 3), 128, np.uint8), 200)] * 3
    without, noted = (
        np.asarray(with_captions(pictures, ("a", "b", "c"), text)) for text in ("", "drawn")
    )
    assert noted.shape[0] > without.shape[0]
    added = noted[without.shape[0] - 20 :]
    assert (added < 128).any() and (added[:, :220] == 255).all()
