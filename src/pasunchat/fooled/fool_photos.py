"""Fooling photos and keeping what comes out: the job behind the command, the demo, the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.attacks.fool import chosen, fool, keeps_own, runner_up
from pasunchat.attacks.norms import L2, Norm
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.protocol import Effort
from pasunchat.attacks.result import AttackResult
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.full_size import fitting
from pasunchat.errors import PasunchatError
from pasunchat.fooled.film import FilmKind, draw_film
from pasunchat.fooled.outcome import Kept
from pasunchat.fooled.receipt import own_pixels, read_as
from pasunchat.fooled.row import draw_row
from pasunchat.fooled.save import Besides, keep, plain, stem
from pasunchat.fooled.survival import as_saved, surviving
from pasunchat.fooled.transforms import Transform
from pasunchat.progress import Progress, silent
from pasunchat.storage import read_json, refuse_existing

FOOLED, RESULT = "fooled", "result.json"
SURE = 0.95


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each photo.

    target: a class name; None: the class that comes second. attack: a name with settings; None:
    the norm's own best. radius: the largest distance allowed; None: the nearest. confidence: the
    least of the class reached, None for any; the talk's learned-noise stops by a rule of its own
    and is not asked for it. survive: what the picture must come through. full_size: change the
    file's own pixels, not those of the framed square.
    """

    target: str | None = None
    attack: str | None = None
    norm: Norm = L2
    radius: float | None = None
    confidence: float | None = SURE
    effort: Effort = "normal"
    survive: tuple[Transform, ...] = ()
    full_size: bool = False
    seed: int = 0


@dataclass(frozen=True)
class KeptAt:
    """What is kept of one photo, and the folder it is kept in."""

    folder: Path
    kept: Kept


@dataclass(frozen=True)
class Found:
    """A photo's row of a result, and the distance without the transforms that were demanded."""

    result: AttackResult
    row: int
    plain: float | None = None


def fool_photos(
    classifier: Classifier,
    paths: Sequence[Path | str],
    output: str | Path | None = None,
    wanted: Wanted | None = None,
    *,
    models: Sequence[Classifier] = (),
    film: FilmKind | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[KeptAt]:
    """Fool the classifier with each photo; keep picture, noise, row and result.json of each in a
    folder STEM.TARGET under `output`, whole or not at all.

    output: by default `fooled` in the run that the classifier comes from. models: others, asked
    about each picture. film: also an animation of how it tips. progress: (photos done, photos).
    Raises PasunchatError for an unknown class or attack, a file that is no photo, and folders
    that exist already unless `overwrite`; all before anything is attacked.
    """
    wanted, output = wanted or Wanted(), Path(output or _beside(classifier))
    chosen(wanted.attack, wanted.norm, wanted.radius, wanted.effort)
    photos = _photos(classifier, paths, full_size=wanted.full_size)
    classes = _goal_classes(classifier, photos, wanted.target)
    folders = _folders(output, paths, [classifier.class_name(int(index)) for index in classes])
    for folder in folders:
        refuse_existing(folder, overwrite=overwrite)
    found = _attacked(classifier, photos, classes, wanted, progress)
    demanded = tuple(transform.word for transform in wanted.survive)

    def add(part: Path, kept: Kept) -> None:
        draw_row(part, kept)
        if film:
            draw_film(part, kept, classifier, kind=film)

    return [
        KeptAt(
            folder,
            keep(
                classifier,
                at.result,
                at.row,
                str(path),
                folder,
                besides=Besides(demanded, at.plain, models),
                overwrite=overwrite,
                add=add,
            ),
        )
        for at, path, folder in zip(found, paths, folders, strict=True)
    ]


def read_fooled(run_folder: Path) -> list[KeptAt]:
    """Everything kept under a run's `fooled`, by name."""
    found = sorted((run_folder / FOOLED).glob(f"*/{RESULT}"))
    return [KeptAt(path.parent, read_json(path, Kept)) for path in found]


def _attacked(
    classifier: Classifier,
    photos: Sequence[NDArray[np.uint8]],
    classes: Tensor,
    wanted: Wanted,
    progress: Progress,
) -> list[Found]:
    """All photos at once; one by one at full size, where each has its own and may fill the
    memory, and where a goal of its own goes into what must be survived."""
    apart = bool(wanted.survive) or wanted.full_size
    if not apart:
        whole = _fool(classifier, np.stack(photos), Goal(classes), wanted, progress)
        return [Found(whole, row) for row in range(len(photos))]
    found = []
    for row, photo in enumerate(photos):
        goal = Goal(classes[row : row + 1])
        result = _fool(classifier, photo[None], goal, wanted, silent)
        if wanted.survive:
            found.append(_survived(classifier, photo, goal, wanted, result))
        else:
            found.append(Found(result, 0))
        progress(row + 1, len(photos))
    return found


def _survived(
    classifier: Classifier,
    photo: NDArray[np.uint8],
    goal: Goal,
    wanted: Wanted,
    unhindered: AttackResult,
) -> Found:
    """The same once more, through every transform; the first result says what that costs."""
    sure = replace(goal, confidence=unhindered.confidence)
    worst = surviving(classifier, wanted.survive, sure)
    result = _fool(worst, photo[None], goal, wanted, silent)
    return Found(as_saved(classifier, result, sure), 0, float(unhindered.distance[0]))


def _fool(
    classifier: Classifier,
    photos: NDArray[np.uint8],
    goal: Goal,
    wanted: Wanted,
    progress: Progress,
) -> AttackResult:
    method = chosen(wanted.attack, wanted.norm, wanted.radius, wanted.effort)
    return fool(
        fitting(classifier, *photos.shape[1:3]),
        as_pixels(photos, classifier.mean.device),
        goal=goal,
        attack=wanted.attack,
        norm=wanted.norm,
        radius=wanted.radius,
        confidence=None if keeps_own(method) else wanted.confidence,
        effort=wanted.effort,
        seed=wanted.seed,
        progress=progress,
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
    return [read_as(classifier, Path(path)) for path in paths]


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
