"""The row of three pictures: the noise between the other two."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pasunchat.pictures.lettering import near_side
from pasunchat.pictures.row import noise_at_full_range, with_captions

PICTURES = arrays.arrays(np.uint8, (2, 3, 3))


@settings(deadline=None)
@given(PICTURES, PICTURES, st.sampled_from([1, 1 / 8]))
def test_noise_spans_the_range(
    photo: NDArray[np.uint8], picture: NDArray[np.uint8], unit: float
) -> None:
    """Also where the change is a part of a level."""
    noise = noise_at_full_range(photo * unit, picture * unit)
    change = picture.astype(int) - photo
    largest = np.abs(change).max()
    assert noise.shape == photo.shape and noise.dtype == np.uint8
    assert set(noise[change == 0]) <= {128}
    if largest:
        assert set(noise[change == largest]) <= {255}
        assert set(noise[change == -largest]) <= {0}


def test_the_three_stand_beside_each_other() -> None:
    colours = [np.full((4, 4, 3), level, np.uint8) for level in (10, 128, 200)]
    row = np.asarray(with_captions([near_side(image, 200) for image in colours], ("a", "b", "c")))
    middle = row[row.shape[0] // 2, :, 0].tolist()
    assert [middle.count(level) for level in (10, 128, 200)] == [200, 200, 200]
