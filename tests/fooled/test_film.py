"""The film: what its frames are, what they are asked, where it tips, what is written."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from pasunchat.attacks.fool import fool
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.classifiers.full_size import full_size
from pasunchat.fooled.film import (
    BRIEF,
    LONG,
    STEPS,
    FilmKind,
    Reading,
    draw_film,
    growing,
    read_frames,
    tipping,
    write_film,
)
from pasunchat.fooled.film_frame import FALLEN, MARGIN, Shown, draw_frame
from pasunchat.fooled.fool_photos import FooledPhoto
from pasunchat.fooled.outcome import save_outcome
from pasunchat.fooled.receipt import ask_image

PICTURES = arrays.arrays(np.uint8, (3, 4, 3))


def readings(*goal: float) -> list[Reading]:
    """What a classifier of cat and dog says, by its confidence in dog."""
    return [
        Reading(Prediction("dog", one) if one > 0.5 else Prediction("cat", 1 - one), one)
        for one in goal
    ]


def frames_of(path: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """The frames of an animation, and how long each stays, in milliseconds."""
    frames, durations = [], []
    with Image.open(path) as film:
        for place in range(film.n_frames):
            film.seek(place)
            film.load()
            frames.append(np.asarray(film.convert("RGB")))
            durations.append(int(film.info["duration"]))
    return frames, durations


@pytest.fixture
def fooled(classifier: Classifier, photo: Path, tmp_path: Path) -> FooledPhoto:
    result = fool(classifier, [photo], attack="learned-noise:lr=0.03,steps=30")
    outcome = save_outcome(classifier, result, 0, "rex.png", tmp_path / "rex")
    assert outcome.fooled
    return FooledPhoto(tmp_path / "rex", outcome)


@settings(deadline=None)
@given(PICTURES, PICTURES, st.integers(1, 40))
def test_the_change_grows_in_whole_levels_from_nothing_to_all(
    photo: NDArray[np.uint8], picture: NDArray[np.uint8], steps: int
) -> None:
    images = growing(photo, picture, steps)
    assert len(images) == steps + 1
    assert np.array_equal(images[0], photo) and np.array_equal(images[-1], picture)
    change = picture.astype(int) - photo
    moved = np.stack([(image.astype(int) - photo) * np.sign(change) for image in images])
    assert (np.diff(moved, axis=0) >= 0).all()
    even = np.abs(change) * np.arange(steps + 1)[:, None, None, None] / steps
    assert (np.abs(moved - even) < 1 + 1e-9).all()


def test_a_change_of_one_level_grows_too() -> None:
    photo = np.full((40, 40, 3), 100, np.uint8)
    images = growing(photo, photo + np.uint8(1), 4)
    shares = [(image != photo).mean() for image in images]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.03)


def test_frames_are_asked_as_files_are(classifier: Classifier) -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8))
    for image, reading in zip(images, read_frames(classifier, images, "dog"), strict=True):
        assert reading.prediction == ask_image(classifier, image)
        assert reading.goal == pytest.approx(
            reading.prediction.confidence
            if reading.prediction.label == "dog"
            else 1 - reading.prediction.confidence
        )
    large = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    (said,) = read_frames(classifier, [large], "dog")
    assert said.prediction == ask_image(full_size(classifier), large)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ((0.1, 0.4, 0.6, 0.9), 2),
        ((0.1, 0.6, 0.4, 0.9), 3),
        ((0.1, 0.6, 0.4), None),
        ((0.7, 0.9), 0),
        ((0.1, 0.2), None),
    ],
)
def test_it_tips_where_the_answer_is_the_goal_to_the_end(
    goal: tuple[float, ...], expected: int | None
) -> None:
    assert tipping(readings(*goal), "dog") == expected


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_film_holds_at_the_start_the_tipping_and_the_end(
    classifier: Classifier, fooled: FooledPhoto, kind: FilmKind
) -> None:
    path = draw_film(fooled.folder, fooled.outcome, classifier, kind=kind)
    assert path == fooled.folder / f"film.{kind}"
    frames, durations = frames_of(path)
    assert len(frames) == STEPS + 1
    assert durations.count(LONG) == 3 and durations.count(BRIEF) == STEPS - 2
    tips = durations.index(LONG, 1)
    edge = [frame[frame.shape[0] // 3, MARGIN - 2].astype(int) for frame in frames]
    framed = [np.abs(colour - FALLEN).max() < 60 for colour in edge]
    assert framed == [False] * tips + [True] * (STEPS + 1 - tips)


def test_a_film_that_does_not_tip_says_so_by_no_mark(tmp_path: Path) -> None:
    images = growing(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 30, np.uint8), 2)
    path = write_film(tmp_path / "film.webp", images, readings(0.1, 0.2, 0.3), "dog")
    frames, durations = frames_of(path)
    assert durations == [LONG, BRIEF, LONG]
    far = [np.abs(frame.astype(int) - FALLEN).max(2).min() for frame in frames]
    assert min(far) > 60


def test_the_film_is_the_same_bytes_again(tmp_path: Path) -> None:
    images = list(np.random.default_rng(3).integers(0, 256, (3, 8, 8, 3), np.uint8))
    path = tmp_path / "film.webp"
    first = write_film(path, images, readings(0.1, 0.6, 0.9), "dog").read_bytes()
    assert write_film(path, images, readings(0.1, 0.6, 0.9), "dog").read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_a_frame_shows_the_photo_the_change_and_the_bar() -> None:
    image = np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8)
    grey = np.full((16, 16, 3), 128, np.uint8)
    shown = Shown(image, grey, 0.4, Prediction("cat", 0.7), "dog", 0.25, None, ("cat", "dog"))
    frame = np.asarray(draw_frame(shown))
    side, top = 320, frame.shape[0] - 8 - 36 - 14 - 16 - 320
    left = frame[top : top + side, MARGIN : MARGIN + side]
    assert np.array_equal(left, image.repeat(20, 0).repeat(20, 1))
    assert (frame[top : top + side, -MARGIN - side : -MARGIN] == 128).all()
    bar = frame[top + side + 16 + 7, MARGIN:-MARGIN]
    assert (bar.max(1) < 100).mean() == pytest.approx(0.25, abs=0.01)


def test_a_level_in_a_picture_wider_than_its_place_is_seen(tmp_path: Path) -> None:
    photo = np.full((60, 401, 3), 100, np.uint8)
    picture = photo.copy()
    picture[:, :200] += np.uint8(1)
    path = write_film(tmp_path / "film.webp", [photo, picture], readings(0.1, 0.9), "dog")
    frames, _ = frames_of(path)
    middle = frames[-1].shape[0] // 3
    change = frames[-1][middle, -MARGIN - 201 : -MARGIN].mean(1)
    assert (change[5:95] > 240).all() and (np.abs(change[105:-5] - 128) < 15).all()
    assert (np.abs(frames[0][middle, -MARGIN - 196 : -MARGIN - 5].astype(int) - 128) < 15).all()
