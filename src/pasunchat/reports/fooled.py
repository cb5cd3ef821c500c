"""One fooled photo: all that its part of a report shows, computed from the two pictures.

What the pictures alone do not tell is `Told`; everything else is asked of the classifier when the
report is written, and so it is as true of a picture made elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import RequestInfo
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels
from pasunchat.classifiers.full_size import framed_as_for
from pasunchat.fooled.change import Change, change_of, typical
from pasunchat.fooled.control import with_random_noise
from pasunchat.fooled.film import growing
from pasunchat.fooled.fool_photos import FooledPhoto
from pasunchat.fooled.outcome import DRAWS
from pasunchat.fooled.receipt import distances
from pasunchat.fooled.survival import Survival, survival
from pasunchat.photos.image import open_photo
from pasunchat.pictures.row import noise_gain
from pasunchat.reports.why import Layers, Why, layers_fooled, why_fooled
from pasunchat.words import command

Image = NDArray[np.uint8]

ROUNDING = 1e-4  # of a probability
ZOOM, LEAST_ZOOM = 14, 8  # a zoom shows one of so many parts of a side, but no fewer pixels


@dataclass(frozen=True)
class Told:
    """What two pictures do not tell of how one came of the other."""

    name: str  # of the photo's file, without folders
    goal: int  # the class to reach
    request: RequestInfo
    queries: int
    tries: tuple[tuple[float, float, bool], ...] = ()  # in order: typical size in levels, the
    # goal's probability, whether it was reached; none where nobody noted them
    survival: tuple[Survival, ...] | None = None  # None: asked when the report is written
    verify: str | None = None  # a command that checks the picture


@dataclass(frozen=True)
class Square:
    """A part of a picture, in pixels."""

    left: int
    top: int
    side: int

    def of(self, image: Image) -> Image:
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class FooledFacts:
    """What the report shows of one photo. Where pictures are larger than what the classifier sees,
    film and random noise are of the squares that it sees."""

    told: Told
    model: str
    classes: tuple[str, ...]
    was: int  # the class of the photo
    now: int  # the class of the picture
    before: tuple[float, ...]  # probability of each class, for the photo
    after: tuple[float, ...]  # the same for the picture
    photo: Image
    picture: Image
    change: Change
    gain: int  # how many times stronger the change is drawn
    most_changed: Square
    film: tuple[tuple[float, float], ...]  # typical size in levels, and the goal's probability
    film_answers: tuple[int, ...]  # the class of each of its pictures
    random: Image  # the photo with random noise of the same size, drawn once
    draws: tuple[tuple[int, float], ...]  # each draw's answer, and the goal's probability
    survival: tuple[Survival, ...]
    why: Why | None  # None: the classifier gives no gradient, or one that does not add up
    layers: Layers | None  # None: none can be seen

    @property
    def goal(self) -> int:
        return self.told.goal

    @property
    def fooled(self) -> bool:
        """Whether the picture is read as the goal, and the photo is not."""
        return self.now == self.goal != self.was

    @property
    def sure(self) -> bool:
        """Whether it is read so with the confidence that was asked for."""
        wanted = self.told.request.confidence
        return wanted is None or self.after[self.goal] >= wanted - ROUNDING


def fooled_facts(classifier: Classifier, photo: Image, picture: Image, told: Told) -> FooledFacts:
    """Ask a classifier about a photo and what became of it, uint8 [H, W, 3] each, and at least one
    value of them different."""
    square, changed = _square(classifier, photo), _square(classifier, picture)
    before, after = classifier.probabilities(np.stack((square, changed)))
    frames = growing(square, changed)
    fallen = classifier.probabilities(np.stack(frames))
    noisy = _noisy(square, changed, told)
    answers = classifier.probabilities(noisy)
    found = told.survival
    if found is None:
        goal = Goal(torch.tensor([told.goal]))
        found = survival(classifier, picture, goal) if classifier.size else ()
    return FooledFacts(
        told=told,
        model=file_name(classifier.known_as),
        classes=tuple(classifier.class_name(index) for index in range(len(before))),
        was=int(before.argmax()),
        now=int(after.argmax()),
        before=tuple(before.tolist()),
        after=tuple(after.tolist()),
        photo=photo,
        picture=picture,
        change=change_of(photo, picture),
        gain=noise_gain(photo, picture),
        most_changed=_most_changed(photo, picture),
        film=tuple(
            (typical(square, frame), float(chances[told.goal]))
            for frame, chances in zip(frames, fallen, strict=True)
        ),
        film_answers=tuple(fallen.argmax(1).tolist()),
        random=noisy[0],
        draws=tuple((int(each.argmax()), float(each[told.goal])) for each in answers),
        survival=found,
        why=why_fooled(classifier, square, changed, noisy[0], told.goal, told.request.seed),
        layers=layers_fooled(classifier, square, changed, noisy[0]),
    )


def facts_of(classifier: Classifier, at: FooledPhoto) -> FooledFacts:
    """The same of a photo that lies fooled in a run's folder."""
    photo, picture = (
        np.asarray(open_photo(at.folder / name).picture)
        for name in ("photo.png", at.outcome.picture)
    )
    return fooled_facts(classifier, photo, picture, _told(classifier, at))


def _told(classifier: Classifier, at: FooledPhoto) -> Told:
    outcome, names = at.outcome, classifier.classes
    return Told(
        name=file_name(outcome.photo),
        goal=names.index(outcome.goal) if names else int(outcome.goal),
        request=outcome.request,
        queries=outcome.queries,
        survival=outcome.survival,
        verify=command("verify", outcome.picture, "--model", file_name(outcome.model)),
    )


def file_name(path: str | Path) -> str:
    """A path's last part, whichever system wrote it: "photos/rex.png" is "rex.png"."""
    return str(path).replace("\\", "/").rstrip("/").rpartition("/")[2] or str(path)


def _most_changed(photo: Image, picture: Image) -> Square:
    """The square in which most has changed; of equal ones the first."""
    moved = np.abs(picture.astype(np.int64) - photo.astype(np.int64)).sum(2)
    height, width = moved.shape
    side = min(height, width, max(LEAST_ZOOM, min(height, width) // ZOOM))
    sums = np.pad(moved, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return Square(int(left), int(top), side)


def _square(classifier: Classifier, image: Image) -> Image:
    """What the classifier sees of a picture."""
    if classifier.size is None or image.shape[:2] == (classifier.size, classifier.size):
        return image
    return framed_as_for(classifier).forward(image)


def _noisy(photo: Image, picture: Image, told: Told) -> Image:
    """The photo with random noise as large as the change, drawn DRAWS times: uint8 [N, H, W, 3]."""
    problem = Problem(as_pixels(photo[None]), Goal(torch.tensor([told.goal])))
    l2, _ = distances(photo, picture)
    seed = told.request.seed
    drawn = [with_random_noise(problem, l2, seed, draw) for draw in range(DRAWS)]
    return as_images(torch.cat(drawn))
