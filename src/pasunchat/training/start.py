"""What a run begins with: its folder, its facts, and class weights where classes are unequal."""

import platform
import shutil
from dataclasses import replace
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch

from pasunchat.classifiers.build import is_pretrained
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine
from pasunchat.storage import RUNS, refuse_existing
from pasunchat.training.recipe import Augment, Recipe
from pasunchat.training.run import (
    RECIPE,
    DataOrigin,
    Run,
    RunFacts,
    open_run,
    write_run,
)

UNEQUAL = 1.5


def start_run(dataset: Dataset, recipe: Recipe, folder: Path, machine: Machine) -> Run:
    """The run in `folder`: begun now, or found there and fit to go on.

    Raises PasunchatError if the dataset cannot be learnt from, if the recipe asks for what would
    have no effect, or if another recipe or other data were begun in that folder.
    """
    refuse_idle(recipe)
    _refuse_unfit(dataset)
    if not (folder / RECIPE).is_file():
        write_run(folder, recipe, _facts(dataset, machine))
        return open_run(folder)
    run = open_run(folder)
    if run.recipe != recipe or run.facts.data.digest != dataset.digest:
        raise PasunchatError(
            f"{folder} was begun with another recipe or other data; take another --name, "
            "or --overwrite"
        )
    return run


def new_run_folder(
    network: str, name: str | None = None, *, runs: Path = RUNS, overwrite: bool = False
) -> Path:
    """A folder for a new run: runs/NAME; without a name, the network's, numbered if taken.

    Raises PasunchatError if runs/NAME is there and may not be replaced, or is no run.
    """
    if name is not None and (Path(name).name != name or name in ("", ".", "..")):
        raise PasunchatError(f'--name: expected a plain name for runs/NAME, got "{name}"')
    if name is None and not overwrite:
        numbered = (f"{network}-{number}" for number in count(2))
        return next(runs / n for n in chain([network], numbered) if not (runs / n).exists())
    folder = runs / (name or network)
    if folder.exists():
        refuse_existing(folder, overwrite=overwrite)
        if not (folder / RECIPE).is_file():
            raise PasunchatError(f"{folder} is no run, so it is not replaced; take another --name")
        shutil.rmtree(folder)
    return folder


def refuse_idle(recipe: Recipe) -> None:
    """Raise PasunchatError for what a frozen base, whose kept features alone are learnt from,
    leaves without effect: a teacher, sides, and all changes of the photos but the mirror image."""
    if not is_pretrained(recipe.network) or recipe.unfreeze != 0:
        return
    changes = replace(recipe.augment, flip=Augment().flip) != Augment()
    idle = {"teacher": recipe.teacher, "sides": recipe.sides, "augment": changes}
    asked = [name for name, value in idle.items() if value]
    if asked:
        raise PasunchatError(
            f"{asked[0]}: {recipe.network} learns from kept features of its frozen base, where "
            "this has no effect (of augment, only flip has); leave it out, or train the base too "
            "with --unfreeze all"
        )


def class_weights(dataset: Dataset) -> tuple[float, ...] | None:
    """Balanced weights where the largest class has over 1.5 times the photos of the smallest."""
    labels = dataset.labels[dataset.rows("train")]
    counts = np.bincount(labels, minlength=len(dataset.classes))
    if counts.max() <= UNEQUAL * counts.min():
        return None
    from sklearn.utils.class_weight import compute_class_weight

    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    return tuple(float(weight) for weight in weights)


def _refuse_unfit(dataset: Dataset) -> None:
    for split in ("train", "validation"):
        present = np.unique(dataset.labels[dataset.rows(split)])
        missing = sorted(set(range(len(dataset.classes))) - set(present.tolist()))
        if missing:
            raise PasunchatError(
                f'no {split} photo of class "{dataset.classes[missing[0]]}" in {dataset.folder}; '
                "training needs photos of every class for training and validation: prepare "
                "again with another --split"
            )


def _facts(dataset: Dataset, machine: Machine) -> RunFacts:
    packages = ("pasunchat", "torch", "numpy", "pillow")
    versions = {name: version(name) for name in packages}
    return RunFacts(
        data=DataOrigin(
            path=str(dataset.folder),
            digest=dataset.digest,
            sources=dataset.facts.sources,
            counts=dataset.facts.counts.photos,
        ),
        versions={"python": platform.python_version(), **versions},
        device=machine.device,
        threads=torch.get_num_threads(),
        class_weights=class_weights(dataset),
    )
