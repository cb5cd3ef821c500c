"""The fall as a film: the change grows from nothing to all of it; every frame is asked about."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.classifiers.full_size import fitting
from pasunchat.fooled.film_frame import SIDE, Shown, draw_frame
from pasunchat.fooled.outcome import Outcome
from pasunchat.photos.image import open_photo
from pasunchat.pictures.row import gain_of
from pasunchat.storage import write_bytes

FilmKind = Literal["webp", "gif"]
STEPS = 28  # changes shown, the last of them all of it
BRIEF, LONG = 90, 1600  # milliseconds a frame stays: of most; of the first, the tipping, the last
QUALITY = 85  # of WebP


@dataclass(frozen=True)
class Reading:
    """What a classifier says of one frame: its prediction, and its confidence in the goal."""

    prediction: Prediction
    goal: float
    probabilities: tuple[float, ...] = ()  # of all classes


def draw_film(
    folder: Path, outcome: Outcome, classifier: Classifier, *, kind: FilmKind = "webp"
) -> Path:
    """Write film.webp (or .gif) from the files that `keep` left in `folder`."""
    photo, picture = (
        np.asarray(open_photo(folder / name).picture) for name in ("photo.png", outcome.picture)
    )
    images = growing(photo, picture)
    readings = read_frames(classifier, images, outcome.goal)
    return write_film(folder / f"film.{kind}", images, readings, outcome.goal)


def growing(
    photo: NDArray[np.uint8], picture: NDArray[np.uint8], steps: int = STEPS
) -> list[NDArray[np.uint8]]:
    """`steps` + 1 pictures, uint8 [H, W, 3], from the photo to the picture.

    After a share s of the steps each value has moved by floor(s |change| + u), u in [0, 1) its
    `grain`: whole levels that never turn back. Cutting off alone (u = 0) would show nothing of a
    change of one level until the end.
    """
    change = picture.astype(np.int64) - photo.astype(np.int64)
    grains = grain(photo.size).reshape(photo.shape)
    pictures = []
    for step in range(steps + 1):
        moved = (np.abs(change) * step / steps + grains).astype(np.int64)
        pictures.append((photo + np.sign(change) * moved).astype(np.uint8))
    return pictures


def grain(count: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each of `count` values, by its place: an integer hash (Wellons,
    lowbias32), so that whoever has photo and picture can draw the same frames."""
    x: NDArray[np.uint32] = np.arange(1, count + 1, dtype=np.uint32)
    x = ((x ^ (x >> 16)) * 0x7FEB352D).astype(np.uint32)
    x = ((x ^ (x >> 15)) * 0x846CA68B).astype(np.uint32)
    numbers: NDArray[np.float64] = (x ^ (x >> 16)) / 2.0**32
    return numbers


def read_frames(
    classifier: Classifier, images: Sequence[NDArray[np.uint8]], goal: str
) -> list[Reading]:
    """Ask about every picture, uint8 [H, W, 3], of the classifier's size or any other."""
    asked = fitting(classifier, *images[0].shape[:2])
    readings = []
    for image in images:
        chances = asked.probabilities(image[None])[0]
        names = [classifier.class_name(index) for index in range(len(chances))]
        prediction = Prediction.from_probabilities(chances, names)
        goal_chance = float(chances[names.index(goal)])
        readings.append(Reading(prediction, goal_chance, tuple(map(float, chances))))
    return readings


def tipping(readings: Sequence[Reading], goal: str) -> int | None:
    """The first frame from which on the answer is the goal to the end; None if there is none."""
    answers = [reading.prediction.label == goal for reading in readings]
    if not answers[-1]:
        return None
    others = [place for place, reached in enumerate(answers) if not reached]
    return others[-1] + 1 if others else 0


def write_film(
    path: Path, images: Sequence[NDArray[np.uint8]], readings: Sequence[Reading], goal: str
) -> Path:
    """Write `film_bytes`, WebP or GIF by the path's ending."""
    kind: FilmKind = "gif" if path.suffix == ".gif" else "webp"
    write_bytes(path, film_bytes(images, readings, goal, kind))
    return path


def film_bytes(
    images: Sequence[NDArray[np.uint8]], readings: Sequence[Reading], goal: str, kind: FilmKind
) -> bytes:
    """The frames as an animation that repeats. The first, the one where it tips and the last stay
    longer."""
    tips = tipping(readings, goal)
    frames = [
        draw_frame(_shown(images, readings, goal, place, tips)) for place in range(len(images))
    ]
    longer = {0, tips, len(images) - 1}
    durations = [LONG if place in longer else BRIEF for place in range(len(images))]
    return _encoded(frames, durations, kind)


def _shown(
    images: Sequence[NDArray[np.uint8]],
    readings: Sequence[Reading],
    goal: str,
    place: int,
    tips: int | None,
) -> Shown:
    reading, last = readings[place], len(images) - 1
    change, gain = _change(images, place), gain_of(_change(images, last))
    return Shown(
        image=images[place],
        change=np.rint((128 + gain * change).clip(0, 255)).astype(np.uint8),
        share=place / last,
        prediction=reading.prediction,
        goal=goal,
        confidence=reading.goal,
        tipped=(tips / last, readings[tips].goal) if tips is not None and place >= tips else None,
        answers=tuple(sorted({reading.prediction.label for reading in readings})),
    )


def _change(images: Sequence[NDArray[np.uint8]], place: int) -> NDArray[np.float64]:
    """A frame's change; of pictures wider than their place averaged down, as they are, before it
    is stretched: a change of a level would be lost in the rounding afterwards."""
    change = images[place].astype(np.float64) - images[0]
    times = -(-change.shape[1] // SIDE)
    below, right = -change.shape[0] % times, -change.shape[1] % times
    whole = np.pad(change, ((0, below), (0, right), (0, 0)), mode="edge")
    blocks = whole.reshape(whole.shape[0] // times, times, whole.shape[1] // times, times, 3)
    averaged: NDArray[np.float64] = blocks.mean((1, 3))
    return averaged


def _encoded(frames: Sequence[Image.Image], durations: Sequence[int], kind: FilmKind) -> bytes:
    file = io.BytesIO()
    first, *others = frames
    webp = {"quality": QUALITY, "method": 4} if kind == "webp" else {}
    first.save(
        file,
        kind.upper(),
        save_all=True,
        append_images=others,
        duration=list(durations),
        loop=0,
        **webp,
    )
    return file.getvalue()
