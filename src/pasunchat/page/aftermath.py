"""What is found out of a changed picture at once: how it falls, whether random noise would do, what
it survives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.problem import Goal, Problem
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax
from pasunchat.classifiers.full_size import fitting
from pasunchat.fooled.change import typical
from pasunchat.fooled.control import with_random_noise
from pasunchat.fooled.film import Reading, film_bytes, growing, read_frames
from pasunchat.fooled.outcome import DRAWS
from pasunchat.fooled.survival import LADDER, survival
from pasunchat.norms import L2
from pasunchat.page.search_job import Judged

Image = NDArray[np.uint8]
Tell = Callable[[str, Any], None]
TIMES, STRONG_DRAWS = 32, 4
BARS = 6  # classes that the page draws bars of


@dataclass
class Aftermath:
    """What is kept of it beside the facts that are told."""

    frames: list[Image] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    random: Image | None = None  # the photo with random noise of the same size
    random32: Image | None = None  # with 32 times as much

    def film(self, goal: str) -> bytes:
        """The fall as a WebP."""
        return film_bytes(self.frames, self.readings, goal, "webp")


def let_in(classifier: Classifier, judged: Judged, kept: Aftermath, tell: Tell) -> None:
    """The change, let in little by little; each frame is asked about."""
    kept.frames = growing(judged.photo, judged.picture)
    kept.readings = read_frames(classifier, kept.frames, classifier.class_name(judged.goal))
    names = [classifier.class_name(index) for index in range(judged.result.after_logits.shape[1])]
    tell(
        "film",
        [
            [
                typical(judged.photo, frame),
                reading.goal,
                names.index(reading.prediction.label),
                largest(reading.probabilities, judged.goal),
            ]
            for frame, reading in zip(kept.frames, kept.readings, strict=True)
        ],
    )


def largest(probabilities: Sequence[float], goal: int) -> dict[str, float]:
    """Of few classes all probabilities, of many the largest and the goal's; by the class's number,
    as JSON wants it."""
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    return {str(index): probabilities[index] for index in sorted({*order[:BARS], goal})}


def control(classifier: Classifier, judged: Judged, kept: Aftermath, tell: Tell) -> None:
    """Random noise of the same size, and of 32 times the size; nothing where nothing changed."""
    photo = as_pixels(judged.photo[None])
    distance = float(L2.measure(as_pixels(judged.picture[None]) - photo))
    if not distance:
        return
    problem = Problem(photo, Goal(judged.result.goal[:1]))
    seed = judged.result.request.seed

    def drawn(size: float, draws: int) -> tuple[Image, list[float], list[int]]:
        """The first of some draws, the goal's probability for each, and each one's answer."""
        noisy = [as_images(with_random_noise(problem, size, seed, at))[0] for at in range(draws)]
        answers = [_asked(classifier, image) for image in noisy]
        goals = [float(each[judged.goal]) for each in answers]
        return noisy[0], goals, [int(each.argmax()) for each in answers]

    kept.random, same, labels = drawn(distance, DRAWS)
    kept.random32, strong, labels32 = drawn(TIMES * distance, STRONG_DRAWS)
    facts = {"draws": same, "labels": labels, "times32": strong, "labels32": labels32}
    tell("control", facts)


def survived(classifier: Classifier, judged: Judged, tell: Tell) -> None:
    """What pictures go through, one after the other."""
    goal = Goal(judged.result.goal[:1])
    for transform in LADDER:
        (found,) = survival(classifier, judged.picture, goal, (transform,))
        tell(
            "survival", {"word": found.transform, "p": found.confidence, "survives": found.survives}
        )


def _asked(classifier: Classifier, image: Image) -> NDArray[np.float64]:
    asked = fitting(classifier, *image.shape[:2])
    found: NDArray[np.float64] = softmax(asked.logits(image[None]))[0]
    return found
