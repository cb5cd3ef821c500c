import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pasunchat.framing import FRAMINGS, frame, scaled_size

sides = st.integers(1, 60)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 61 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@settings(deadline=None)
@given(sides, sides, sides, st.sampled_from(FRAMINGS))
def test_every_picture_becomes_a_square(width: int, height: int, size: int, framing: str) -> None:
    pixels = frame(noise(width, height), size, framing)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8


@settings(deadline=None)
@given(sides, sides, sides)
def test_pad_scales_to_fit_and_repeats_the_edges(width: int, height: int, size: int) -> None:
    picture = noise(width, height)
    wide, high = scaled_size(width, height, size, "pad")
    assert max(wide, high) == size
    inside = np.asarray(picture.resize((wide, high), Image.Resampling.BICUBIC))
    top, left = (size - high) // 2, (size - wide) // 2
    around = ((top, size - high - top), (left, size - wide - left), (0, 0))
    assert np.array_equal(frame(picture, size, "pad"), np.pad(inside, around, mode="edge"))


@given(sides, st.sampled_from(FRAMINGS))
def test_a_square_of_the_size_is_untouched(size: int, framing: str) -> None:
    picture = noise(size, size)
    assert np.array_equal(frame(picture, size, framing), np.asarray(picture))


def test_crop_keeps_the_middle() -> None:
    picture = noise(30, 20)
    assert np.array_equal(frame(picture, 20, "crop"), np.asarray(picture)[:, 5:25])
    tall = noise(20, 31)
    assert np.array_equal(frame(tall, 20, "crop"), np.asarray(tall)[5:25])
    wide = noise(40, 20)
    shrunk = np.asarray(wide.resize((20, 10), Image.Resampling.BICUBIC))
    assert np.array_equal(frame(wide, 10, "crop"), shrunk[:, 5:15])


def test_a_very_long_picture_is_cropped_without_being_scaled_whole() -> None:
    """Scaled whole it would have 224 x 13,440,000 pixels."""
    assert frame(Image.new("RGB", (1, 60_000), "red"), 224, "crop").shape == (224, 224, 3)


def test_squash_stretches() -> None:
    picture = noise(30, 20)
    wanted = np.asarray(picture.resize((20, 20), Image.Resampling.BICUBIC))
    assert np.array_equal(frame(picture, 20, "squash"), wanted)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_box_is_the_part_that_counts(framing: str) -> None:
    ramp = np.add.outer(np.arange(30) * 3, np.arange(40) * 4).astype(np.uint8)
    picture = Image.fromarray(np.stack([ramp] * 3, axis=-1))
    wanted = frame(picture.crop((4, 2, 34, 26)), 12, framing).astype(int)
    found = frame(picture, 12, framing, box=(4, 2, 34, 26))
    assert np.abs(found - wanted).max() <= 3
    assert np.abs(frame(picture, 12, framing) - wanted).max() > 10
