"""The whole path on drawn photos, or on the user's photos, out of the same functions."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.build import usual_size
from pasunchat.classifiers.classifier import Classifier, softmax
from pasunchat.classifiers.files import load_files
from pasunchat.fooled.fool_photos import FooledPhoto, FoolOptions, fool_photos
from pasunchat.fooled.outcome import plain
from pasunchat.measures.score import Evaluation, evaluate
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.drawing import draw_pipe
from pasunchat.photos.image import write_png
from pasunchat.photos.prepare import prepared
from pasunchat.progress import Progress
from pasunchat.reports.curves import draw_curves
from pasunchat.reports.evaluation import write_evaluation
from pasunchat.reports.report import REPORT, write_report
from pasunchat.runtime import Runtime, set_up_runtime
from pasunchat.storage import RECIPE, RUNS
from pasunchat.training.loop import train
from pasunchat.training.recipe import RECIPES, Recipe, usual_recipe
from pasunchat.training.run import Run, begin_run, new_run_folder, open_run

Stage = Callable[[str], AbstractContextManager[Progress]]
DRAWN, OWN = "simple", "efficientnet-lite0"  # the usual network for drawn, and for own photos
DRAWN_RECIPE = Recipe(patience=3)
FEW = 20  # photos of a class, from which on OWN is known to learn well
SURE = 0.99
TYPICAL = 0.9


@dataclass(frozen=True)
class Demo:
    """What the demo leaves."""

    run: Run
    evaluation: Evaluation
    fooled: tuple[FooledPhoto, ...]  # one photo of each of two classes; empty: none is read rightly
    pipe: tuple[FooledPhoto, ...]  # a picture that is neither, read as one and then as the other
    report: Path


def demo_recipe(network: str | None, seed: int, *, own_photos: bool) -> Recipe:
    """The recipe of a network, by default of the usual one. Raises PasunchatError for an unknown
    one."""
    network = network or (OWN if own_photos else DRAWN)
    usual_size(network)  # refuses what is unknown
    recipe = DRAWN_RECIPE if network == DRAWN else RECIPES[usual_recipe(network)]
    return replace(recipe, network=network, seed=seed)


def demo_folder(name: str, recipe: Recipe, *, overwrite: bool) -> Path:
    """The folder of a new demo, or of one by the same recipe that was stopped, which goes on.
    Raises PasunchatError for any other that is there, unless `overwrite`."""
    folder = RUNS / name
    stopped = (folder / RECIPE).is_file() and not (folder / REPORT).exists()
    if stopped and not overwrite and open_run(folder).recipe == recipe:
        return folder
    return new_run_folder("demo", name, overwrite=overwrite)


def run_demo(
    folder: Path,
    sources: Sequence[str],
    recipe: Recipe,
    stage: Stage,
    *,
    overwrite: bool = False,
    lang: str = "en",
) -> Demo:
    """Prepare, train, evaluate, fool and report into `folder`, a new run's, or that of a demo that
    was stopped (`demo_folder`).

    stage: called with a title, gives a block whose callback takes (done, total). overwrite: a run
    in that folder is deleted when the training begins. lang: of the report, "en" or "fr".
    """
    with stage("photos become numbers") as progress:
        dataset = prepared(sources, size=usual_size(recipe.network), progress=progress)
    with stage("the network learns") as progress:
        runtime = set_up_runtime(precision=recipe.precision)
        run = _trained(dataset, recipe, folder, runtime, progress, overwrite=overwrite)
    classifier = load_files(folder).to(runtime.device)
    with stage("it is measured") as progress:
        evaluation = evaluate(classifier, dataset, "test", progress)
        write_evaluation(folder / "evaluation", evaluation, dataset, overwrite=True)
    with stage("it is fooled") as progress:
        fooled = _fool_typical(classifier, dataset, folder, progress)
        pipe = _fool_pipe(classifier, folder, progress)
    return Demo(run, evaluation, fooled, pipe, write_report(folder, overwrite=True, lang=lang))


def _trained(
    dataset: Dataset,
    recipe: Recipe,
    folder: Path,
    runtime: Runtime,
    progress: Progress,
    *,
    overwrite: bool,
) -> Run:
    """The run, with its curves; trained unless it was before the demo was stopped."""
    begun = (folder / RECIPE).is_file() and not overwrite
    run = begin_run(folder, dataset, recipe, runtime, None) if begun else None
    if run is None or not run.finished:
        run = train(
            dataset,
            recipe,
            folder,
            runtime=runtime,
            overwrite=overwrite,
            progress=lambda p: progress(p.done, p.total),
        )
    draw_curves(run, folder)
    return run


def _fool_typical(
    classifier: Classifier, dataset: Dataset, folder: Path, progress: Progress
) -> tuple[FooledPhoto, ...]:
    """A photo of each of two classes, the first two of which one is read rightly, into the class
    that comes second."""
    rows = _typical_photos(classifier, dataset)[:2]
    found: list[FooledPhoto] = []
    for done, row in enumerate(reversed(rows)):
        photo = folder / "photos" / f"{plain(dataset.classes[dataset.labels[row]])}.png"
        write_png(photo, dataset.pixels[row], {})
        found += fool_photos(classifier, [photo], overwrite=True)
        progress(done + 1, len(rows) + 2)
    return tuple(found)


def _fool_pipe(classifier: Classifier, folder: Path, progress: Progress) -> tuple[FooledPhoto, ...]:
    """A pipe is neither: into the class it is not read as, and that picture into the other."""
    assert classifier.size is not None
    photo = folder / "photos" / "pipe.png"
    write_png(photo, np.asarray(draw_pipe(size=classifier.size)), {})
    sure = Request(confidence=SURE)
    (one,) = fool_photos(classifier, [photo], None, sure, overwrite=True)
    progress(3, 4)
    back = one.outcome.before.label
    picture = one.folder / one.outcome.picture
    options = FoolOptions(target=back)
    (other,) = fool_photos(classifier, [picture], None, sure, options=options, overwrite=True)
    progress(4, 4)
    return one, other


def _typical_photos(classifier: Classifier, dataset: Dataset) -> list[int]:
    """Of each class, the test photo rightly read as it with a confidence nearest to 90 %; classes
    without such a photo are left out."""
    rows = dataset.rows("test")
    labels = dataset.labels[rows]
    chances = softmax(classifier.logits(dataset.pixels, rows))
    right = chances.argmax(1) == labels
    away = np.abs(chances.max(1) - TYPICAL)
    found = []
    for label in range(len(dataset.classes)):
        places = np.flatnonzero(right & (labels == label))
        if len(places):
            found.append(int(rows[places[away[places].argmin()]]))
    return found
