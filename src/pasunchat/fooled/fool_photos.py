"""Fooling photos and keeping what comes out: the job behind the command, the demo, the page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.attacks.fool import Request, fool, runner_up
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult
from pasunchat.attacks.watch import ALONE, Watch
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.full_size import fitting
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.fooled.film import FilmKind, draw_film
from pasunchat.fooled.outcome import Extras, Outcome, plain, save_outcome, stem
from pasunchat.fooled.receipt import as_seen
from pasunchat.fooled.row import ROW, draw_row
from pasunchat.fooled.survival import as_saved, surviving
from pasunchat.fooled.transforms import Transform
from pasunchat.photos.image import open_photo, own_pixels
from pasunchat.progress import Progress, silent
from pasunchat.storage import read_json, readable, refuse_existing
from pasunchat.words import percent

FOOLED, RESULT = "fooled", "result.json"
SURE = 0.95  # confidence asked for by default
TOGETHER = (4, 64)  # photos searched at once on a CPU (decision 9), on a GPU


@dataclass(frozen=True)
class FoolOptions:
    """What is asked of each photo beside the search."""

    target: str | None = None  # a class name; None: the class that comes second
    survive: tuple[Transform, ...] = ()  # what the picture must come through
    full_size: bool = False  # change the file's own pixels, not those of the framed square


@dataclass(frozen=True)
class FooledPhoto:
    """What is recorded of one photo, and the folder that its files are in."""

    folder: Path
    outcome: Outcome

    def __repr__(self) -> str:
        both = self.outcome.before, self.outcome.after
        before, after = (f"{at.label} {percent(at.confidence)}" for at in both)
        return f"<FooledPhoto: {self.folder}: {self.outcome.status}, {before} -> {after}>"

    def _repr_html_(self) -> str:
        """The talk's row of three pictures, for a notebook."""
        from pasunchat.pictures.notebook import picture_html

        return picture_html(open_photo(self.folder / ROW).picture, repr(self).strip("<>"))


@dataclass(frozen=True)
class Found:
    """A photo's row of a result."""

    result: AttackResult
    row: int
    plain_distance: float | None = None  # without the transforms that were required


def fool_photos(
    model: Model,
    paths: Path | str | Sequence[Path | str],
    output: str | Path | None = None,
    request: Request | None = None,
    *,
    options: FoolOptions | None = None,
    models: Sequence[Classifier] = (),
    films: Sequence[FilmKind] = (),
    overwrite: bool = False,
    progress: Progress = silent,
    steps: Progress = silent,
    done: Callable[[FooledPhoto], object] = lambda _: None,
) -> list[FooledPhoto]:
    """Fool the classifier with each photo; write picture, noise, row and result.json of each into a
    folder STEM.TARGET under `output`, whole or not at all.

    model: as `fool` takes it. paths: one or several. output: by default `fooled` in the run that
    the classifier comes from. request: how to search; by default with a confidence of 0.95. An
    attack that chooses its result by a rule of its own takes no confidence. models: others, asked
    about each picture. films: also animations of how it tips. progress: (photos done,
    photos). steps: as in `fool`. done: called with each photo as soon as its files are there.
    Raises PasunchatError for an unknown class, a file that is no photo, and folders that exist
    already unless `overwrite`; all before anything is attacked.
    """
    classifier, paths = as_classifier(model), [paths] if isinstance(paths, str | Path) else paths
    request, options = request or Request(confidence=SURE), options or FoolOptions()
    if request.method.info.own_result:
        request = replace(request, confidence=None)
    output = Path(output or _beside(classifier))
    photos = _photos(classifier, paths, full_size=options.full_size)
    classes = _goal_classes(classifier, photos, options.target)
    folders = _folders(output, paths, [classifier.class_name(int(index)) for index in classes])
    for folder in folders:
        refuse_existing(folder, overwrite=overwrite)
    required = tuple(transform.word for transform in options.survive)

    def add(part: Path, outcome: Outcome) -> None:
        draw_row(part, outcome)
        for kind in films:
            draw_film(part, outcome, classifier, kind=kind)

    fooled: list[FooledPhoto] = []
    found = attacked(classifier, photos, classes, request, options, steps)
    for at, path, folder in zip(found, paths, folders, strict=True):
        extras = Extras(required, at.plain_distance, models)
        outcome = save_outcome(
            classifier, at.result, at.row, readable(path), folder,
            extras=extras, overwrite=overwrite, add=add,
        )  # fmt: skip
        fooled.append(FooledPhoto(folder, outcome))
        progress(len(fooled), len(paths))
        done(fooled[-1])
    return fooled


def read_fooled(run_folder: Path) -> list[FooledPhoto]:
    """Everything fooled under a run's `fooled`, by name."""
    found = sorted((run_folder / FOOLED).glob(f"*/{RESULT}"))
    return [FooledPhoto(path.parent, read_json(path, Outcome)) for path in found]


def attacked(
    classifier: Classifier,
    photos: Sequence[NDArray[np.uint8]],
    classes: Tensor,
    request: Request,
    options: FoolOptions,
    steps: Progress = silent,
    watch: Watch = ALONE,
) -> Iterator[Found]:
    """Fool the classifier with each photo, uint8 [H, W, 3], in turn. classes: int64 [N], to reach.
    The options' target is not asked for here. steps, watch: as in `fool`.

    A few are searched together; one by one at full size, where each has its own and may fill the
    memory, and where a goal of its own goes into what must be survived.
    """
    apart = bool(options.survive) or options.full_size
    together = 1 if apart else TOGETHER[classifier.mean.device.type != "cpu"]
    for first in range(0, len(photos), together):
        some = np.stack(photos[first : first + together])
        goal = Goal(classes[first : first + together])
        result = _fool(classifier, some, goal, request, steps, watch)
        if options.survive:
            yield _survived(classifier, some, goal, request, options.survive, result, steps, watch)
        else:
            yield from (Found(result, row) for row in range(len(some)))


def _survived(
    classifier: Classifier,
    photo: NDArray[np.uint8],
    goal: Goal,
    request: Request,
    required: Sequence[Transform],
    plain: AttackResult,
    steps: Progress,
    watch: Watch,
) -> Found:
    """One photo [1, H, W, 3]: the same once more, through every transform; the first result says
    what that costs."""
    sure = replace(goal, confidence=request.confidence)
    worst = surviving(classifier, required, sure)
    result = _fool(worst, photo, goal, request, steps, watch)
    return Found(as_saved(classifier, result, sure), 0, float(plain.distance[0]))


def _fool(
    classifier: Classifier,
    photos: NDArray[np.uint8],
    goal: Goal,
    request: Request,
    steps: Progress,
    watch: Watch,
) -> AttackResult:
    return fool(
        fitting(classifier, *photos.shape[1:3]),
        as_pixels(photos, classifier.mean.device),
        request,
        goal=goal,
        steps=steps,
        watch=watch,
    )


def _beside(classifier: Classifier) -> Path:
    return classifier.origin / FOOLED if classifier.origin else Path(FOOLED)


def _photos(
    classifier: Classifier, paths: Sequence[Path | str], *, full_size: bool
) -> list[NDArray[np.uint8]]:
    """Each photo as uint8 [H, W, 3]: as the classifier sees it, or as the file holds it."""
    if not paths:
        raise PasunchatError("no photo to fool with; expected one file or several")
    if full_size:
        return [own_pixels(Path(path)) for path in paths]
    return [as_seen(classifier, Path(path)) for path in paths]


def _goal_classes(
    classifier: Classifier, photos: Sequence[NDArray[np.uint8]], target: str | None
) -> Tensor:
    """The class to reach for each photo, int64 [N]."""
    logits = torch.cat([_logits(classifier, photo) for photo in photos])
    if target is None:
        return runner_up(logits)
    names = [classifier.class_name(index) for index in range(logits.shape[1])]
    if target not in names:
        raise PasunchatError(
            f'unknown class "{target}"; this classifier tells apart: {", ".join(names)}'
        )
    return torch.full((len(photos),), names.index(target))


def _logits(classifier: Classifier, photo: NDArray[np.uint8]) -> Tensor:
    return fitting(classifier, *photo.shape[:2]).predict_logits(
        as_pixels(photo[None], classifier.mean.device), batch=1
    )


def _folders(output: Path, paths: Sequence[Path | str], targets: Sequence[str]) -> list[Path]:
    """A folder for each photo: rex.cat, and rex-2.cat for another photo named rex."""
    taken: set[str] = set()
    folders = []
    for path, target in zip(paths, targets, strict=True):
        name, tries = f"{stem(str(path))}.{plain(target)}", 1
        while name.casefold() in taken:
            tries += 1
            name = f"{stem(str(path))}-{tries}.{plain(target)}"
        taken.add(name.casefold())
        folders.append(output / name)
    return folders
