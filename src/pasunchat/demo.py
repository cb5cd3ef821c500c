"""The whole path on drawn photos, or on the user's photos, out of the same functions."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pasunchat.attacks.request import Request
from pasunchat.classifiers.classifier import Classifier, softmax
from pasunchat.classifiers.files import load_files
from pasunchat.errors import PasunchatError
from pasunchat.fooled.fool_photos import FooledPhoto, FoolOptions, fool_photos
from pasunchat.measures.score import Evaluation, evaluate
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.drawing import draw_pipe
from pasunchat.photos.image import write_png
from pasunchat.photos.prepare import prepared
from pasunchat.reports.curves import draw_curves
from pasunchat.reports.evaluation import write_evaluation
from pasunchat.reports.report import write_report
from pasunchat.runtime import set_up_runtime
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Run

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
SURE = 0.99
TYPICAL = 0.9


@dataclass(frozen=True)
class Demo:
    """What the demo leaves."""

    run: Run
    evaluation: Evaluation
    fooled: tuple[FooledPhoto, ...]  # one photo of each of two classes, read as the other
    pipe: tuple[FooledPhoto, ...]  # a picture that is neither, read as one and then as the other
    report: Path


def run_demo(
    folder: Path,
    sources: Sequence[str],
    recipe: Recipe,
    stage: Stage,
    *,
    overwrite: bool = False,
) -> Demo:
    """Prepare, train, evaluate, fool and report into `folder`, a new run's.

    stage: called with a title, gives a block whose callback takes (done, total). overwrite: a run
    in that folder is deleted when the training begins.
    """
    with stage("photos become numbers") as progress:
        dataset = prepared(sources, progress=progress)
    with stage("the network learns") as progress:
        runtime = set_up_runtime(precision=recipe.precision)
        run = train(
            dataset,
            recipe,
            folder,
            runtime=runtime,
            overwrite=overwrite,
            progress=lambda p: progress(p.done, p.total),
        )
        draw_curves(run, folder)
    classifier = load_files(folder).to(runtime.device)
    with stage("it is measured") as progress:
        evaluation = evaluate(classifier, dataset, "test", progress)
        write_evaluation(folder / "evaluation", evaluation, dataset)
    with stage("it is fooled") as progress:
        fooled = _fool_both_ways(classifier, dataset, folder, progress)
        pipe = _fool_pipe(classifier, folder, progress)
    return Demo(run, evaluation, fooled, pipe, write_report(folder, overwrite=True))


def _fool_both_ways(
    classifier: Classifier,
    dataset: Dataset,
    folder: Path,
    progress: Callable[[int, int], None],
) -> tuple[FooledPhoto, ...]:
    """A photo of the second class into the first, and one of the first into the second."""
    first, second = dataset.classes[:2]
    found: list[FooledPhoto] = []
    for real, target in ((second, first), (first, second)):
        photo = folder / "photos" / f"{real}.png"
        row = _typical_photo(classifier, dataset, real)
        write_png(photo, dataset.pixels[row], {})
        found += fool_photos(classifier, [photo], options=FoolOptions(target), progress=progress)
    return tuple(found)


def _fool_pipe(
    classifier: Classifier, folder: Path, progress: Callable[[int, int], None]
) -> tuple[FooledPhoto, ...]:
    """A pipe is neither: into the class it is not read as, and that picture into the other."""
    assert classifier.size is not None
    photo = folder / "photos" / "pipe.png"
    write_png(photo, np.asarray(draw_pipe(size=classifier.size)), {})
    sure = Request(confidence=SURE)
    (one,) = fool_photos(classifier, [photo], None, sure, progress=progress)
    back = one.outcome.before.label
    picture = one.folder / one.outcome.picture
    options = FoolOptions(target=back)
    (other,) = fool_photos(classifier, [picture], None, sure, options=options, progress=progress)
    return one, other


def _typical_photo(classifier: Classifier, dataset: Dataset, real: str) -> int:
    """Of the test photos rightly read as `real`, the one whose confidence is nearest to 90 %."""
    label = dataset.classes.index(real)
    rows = dataset.rows("test")
    rows = rows[dataset.labels[rows] == label]
    chances = softmax(classifier.logits(dataset.pixels, rows))
    right = chances.argmax(1) == label
    if not right.any():
        raise PasunchatError(
            f"the network reads no test photo of {real} rightly, so there is none to fool; "
            "give it more photos"
        )
    away = np.where(right, np.abs(chances[:, label] - TYPICAL), np.inf)
    return int(rows[away.argmin()])
