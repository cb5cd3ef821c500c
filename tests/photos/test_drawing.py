"""The drawn animals: repeatable, varied, and told apart by shape alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pasunchat.photos.drawing import KINDS, SMALLEST_SIZE, draw, draw_pipe


def test_same_arguments_give_the_same_pixels() -> None:
    for kind in KINDS:
        assert draw(kind, 3, 5, 64).tobytes() == draw(kind, 3, 5, 64).tobytes()


@pytest.mark.parametrize("other", [("dog", 3, 5), ("cat", 4, 5), ("cat", 3, 6)])
def test_another_kind_seed_or_index_gives_another_picture(other: tuple[str, int, int]) -> None:
    assert draw("cat", 3, 5, 64).tobytes() != draw(*other, 64).tobytes()


@pytest.mark.parametrize("size", [SMALLEST_SIZE, 33, 64, 224, 300])
def test_size_and_mode_are_honoured(size: int) -> None:
    for picture in (draw("cat", 0, 0, size), draw("dog", 0, 0, size), draw_pipe(0, size)):
        assert (picture.size, picture.mode) == ((size, size), "RGB")


def test_default_size_is_that_of_the_networks() -> None:
    assert draw("dog", 0, 0).size == draw_pipe().size == (224, 224)


def test_many_small_and_large_indices_are_drawn() -> None:
    for index in [*range(40), 10**6, 2**40]:
        draw(KINDS[index % 2], 1, index, 32)


@pytest.mark.parametrize("size", [SMALLEST_SIZE - 1, 0, -5])
def test_a_size_too_small_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="expected at least 16"):
        draw("cat", 0, 0, size)
    with pytest.raises(ValueError, match="expected at least 16"):
        draw_pipe(0, size)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 'pipe': expected one of cat, dog"):
        draw("pipe", 0, 0)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_a_negative_number_is_refused(seed: int, index: int) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        draw("cat", seed, index)


def test_a_negative_pipe_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        draw_pipe(-1)


def test_pipe_is_repeatable_and_varies_with_the_seed() -> None:
    assert draw_pipe(1, 96).tobytes() == draw_pipe(1, 96).tobytes()
    assert draw_pipe(1, 96).tobytes() != draw_pipe(2, 96).tobytes()


def test_pipe_is_brown_on_a_plain_warm_ground() -> None:
    pixels = np.asarray(draw_pipe(0, 96), dtype=np.int64)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    dark = (pixels.sum(axis=2) < 450).mean()
    assert np.ptp(edge, axis=0).max() < 40
    assert edge[:, 0].mean() > edge[:, 2].mean() + 30  # more red than blue
    assert 0.06 < dark < 0.3


def test_numpy_global_random_state_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)
    draw("cat", 0, 0, 32)
    draw_pipe(0, 32)
    after = np.random.get_state(legacy=False)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    np.testing.assert_equal(after, before)


@pytest.fixture(scope="module")
def levels() -> dict[str, npt.NDArray[np.float64]]:
    """For each kind, red, green, blue means, brightness and its spread of 80 pictures."""
    return {
        kind: np.array([_levels(draw(kind, 0, index, 64)) for index in range(80)]) for kind in KINDS
    }


def _levels(picture: Image.Image) -> list[float]:
    pixels = np.asarray(picture, dtype=np.float64)
    return [*pixels.mean(axis=(0, 1)), pixels.mean(), pixels.mean(axis=2).std()]


def test_colour_and_brightness_agree_between_kinds(
    levels: dict[str, npt.NDArray[np.float64]],
) -> None:
    """Means differ by less than half of one picture's usual distance from the mean.

    Two samples of 80 from one distribution differ by 0.16 such distances in the usual case
    and by 0.5 about once in 600.
    """
    cats, dogs = levels["cat"], levels["dog"]
    spread = np.concatenate([cats - cats.mean(axis=0), dogs - dogs.mean(axis=0)]).std(axis=0)
    assert (np.abs(cats.mean(axis=0) - dogs.mean(axis=0)) < 0.5 * spread).all()
    ratio = cats.std(axis=0) / dogs.std(axis=0)
    assert ((ratio > 0.65) & (ratio < 1.55)).all()
