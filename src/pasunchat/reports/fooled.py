"""Fooling photos and keeping what comes out: the job behind the command, the demo, the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool, runner_up
from pasunchat.attacks.keep import Kept, keep, plain, stem
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.proof import read_as
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent
from pasunchat.reports.row import draw_row
from pasunchat.storage import read_json, refuse_existing

FOOLED, RESULT = "fooled", "result.json"


@dataclass(frozen=True)
class KeptAt:
    """What is kept of one photo, and the folder it is kept in."""

    folder: Path
    kept: Kept


def fool_photos(
    classifier: Classifier,
    paths: Sequence[Path | str],
    output: str | Path | None = None,
    *,
    target: str | None = None,
    attack: str = "learned-noise",
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[KeptAt]:
    """Fool the classifier with each photo; keep picture, noise, row and result.json of each in a
    folder STEM.TARGET under `output`, whole or not at all.

    output: by default `fooled` in the run that the classifier comes from. target: a class name;
    by default the class that comes second, for each photo. progress: (photos done, photos).
    Raises PasunchatError for an unknown class or attack, a file that is no photo, and folders
    that exist already unless `overwrite`; all before anything is attacked.
    """
    output = Path(output or _beside(classifier))
    pixels = _pixels(classifier, paths)
    classes = _goal_classes(classifier, pixels, target)
    folders = _folders(output, paths, [classifier.class_name(int(index)) for index in classes])
    for folder in folders:
        refuse_existing(folder, overwrite=overwrite)
    result = fool(
        classifier, pixels, goal=Goal(classes), attack=attack, seed=seed, progress=progress
    )
    return [
        KeptAt(
            folder,
            keep(classifier, result, row, str(path), folder, overwrite=overwrite, add=draw_row),
        )
        for row, (path, folder) in enumerate(zip(paths, folders, strict=True))
    ]


def read_fooled(run_folder: Path) -> list[KeptAt]:
    """Everything kept under a run's `fooled`, by name."""
    found = sorted((run_folder / FOOLED).glob(f"*/{RESULT}"))
    return [KeptAt(path.parent, read_json(path, Kept)) for path in found]


def _beside(classifier: Classifier) -> Path:
    return classifier.origin / FOOLED if classifier.origin else Path(FOOLED)


def _pixels(classifier: Classifier, paths: Sequence[Path | str]) -> Tensor:
    if not paths:
        raise PasunchatError("no photo to fool with; expected one file or several")
    images = np.stack([read_as(classifier, Path(path)) for path in paths])
    return as_pixels(images, classifier.mean.device)


def _goal_classes(classifier: Classifier, pixels: Tensor, target: str | None) -> Tensor:
    """The class to reach for each photo, int64 [N]."""
    logits = classifier.judge(pixels, batch=1)
    if target is None:
        return runner_up(logits)
    names = [classifier.class_name(index) for index in range(logits.shape[1])]
    if target not in names:
        raise PasunchatError(
            f'unknown class "{target}"; this classifier tells apart: {", ".join(names)}'
        )
    return torch.full((len(pixels),), names.index(target))


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
