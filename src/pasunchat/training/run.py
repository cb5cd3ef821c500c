"""Run: the folder of one training: its recipe, where it comes from, how it went, its classifier.

`begin_run` starts one, `open_run` reads one; measures and reports know trainings only by it.
"""

import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from itertools import count as numbers
from pathlib import Path

import msgspec
import torch

from pasunchat.classifiers.files import INFO
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.storage import (
    RECIPE,
    RUNS,
    from_json,
    read_json,
    refuse_existing,
    write_bytes,
    write_json,
)
from pasunchat.training.recipe import Recipe
from pasunchat.words import command
from pasunchat.words import count as counted

RUN, HISTORY, TIMING = "run.json", "history.jsonl", "timing.jsonl"
ONE_ANSWER = 0.99  # share of one answer among all, from which on the network tells nothing apart
PACKAGES = ("pasunchat", "torch", "numpy", "pillow")  # whose versions are recorded


@dataclass(frozen=True)
class Epoch:
    """The measurements of one epoch: a line of history.jsonl.

    Losses are means of cross-entropy in nats, accuracies shares in [0, 1]. Both splits are measured
    alike at the end of the epoch, on at most as many training photos as there are for validation.
    """

    epoch: int  # from 1
    loss: float  # mean over the epoch's batches, while the weights changed
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    rise_error: float | None = None  # standard error, in nats, of the difference of this validation
    # loss from the lowest before it, both on the same photos; None where there is none before
    # Of a defended training, as `RobustValidation` says; None of any other.
    robust_accuracy: float | None = None
    one_step_accuracy: float | None = None
    attacked_answers: tuple[float, ...] | None = None

    def rises_from(self, lowest: "Epoch") -> bool:
        """Whether the validation loss is higher than an earlier one by more than chance explains,
        two standard errors."""
        rise = self.validation_loss - lowest.validation_loss
        return self.rise_error is not None and rise > 2 * self.rise_error

    @property
    def one_answer(self) -> bool:
        """Whether (nearly) all attacked photos get the same answer."""
        return self.attacked_answers is not None and max(self.attacked_answers) >= ONE_ANSWER

    def is_better_than(self, other: "Epoch") -> bool:
        """Whether its weights are rather to be kept: by robust accuracy where that is measured,
        then by validation loss. One answer for all photos is no robustness."""
        if self.one_answer != other.one_answer:
            return other.one_answer
        mine, others = self.robust_accuracy, other.robust_accuracy
        if mine is not None and others is not None and mine != others:
            return mine > others
        return self.validation_loss < other.validation_loss


@dataclass(frozen=True)
class DataOrigin:
    """The dataset of a run."""

    path: str
    digest: str  # SHA-256, as dataset.json has it
    sources: tuple[str, ...]  # folders, zips, or "drawn"
    counts: dict[str, dict[str, int]]  # class -> split -> photos
    decode: Decode | None = None  # how its photos were decoded; None: not recorded


@dataclass(frozen=True)
class RunInfo:
    """run.json: what a run was made from, and how it ended. Nothing in it depends on the clock."""

    data: DataOrigin
    versions: dict[str, str]  # of Python and PACKAGES
    device: str
    threads: int  # of torch, on the CPU
    class_weights: tuple[float, ...] | None = None  # a class each; None: all alike
    start: str | None = None  # digest of the classifier whose weights it began from
    best_epoch: int | None = None  # from 1, the epoch whose weights are kept
    ended: str | None = None  # a sentence that says why training ended; None before that
    good: bool = True  # False where it ended by a loss that led nowhere


@dataclass(frozen=True)
class Run:
    """A run's folder as a value."""

    folder: Path
    recipe: Recipe
    info: RunInfo
    history: tuple[Epoch, ...]

    def __repr__(self) -> str:
        ended = "" if self.finished else ", not finished"
        epochs = counted(len(self.history), "epoch")
        return f"<Run: {self.folder}: {self.recipe.network}, {epochs}{ended}>"

    @property
    def finished(self) -> bool:
        """Whether its training has ended and its classifier is there."""
        return self.info.ended is not None and (self.folder / INFO).is_file()


def new_run_folder(
    network: str, name: str | None = None, *, runs: Path = RUNS, overwrite: bool = False
) -> Path:
    """The path of a new run: runs/NAME; without a name, the network's, numbered if taken.

    Raises PasunchatError if runs/NAME is there and may not be overwritten, or is not a run.
    """
    if name is not None and (Path(name).name != name or name in ("", ".", "..")):
        raise PasunchatError(f'--name: expected a plain name for runs/NAME, got "{name}"')
    if name is None and not overwrite:
        numbered = (f"{network}-{number}" for number in numbers(2))
        return next(runs / n for n in chain([network], numbered) if not (runs / n).exists())
    folder = runs / (name or network)
    if folder.exists():
        if not overwrite and (folder / RECIPE).is_file():
            refuse_unfinished(open_run(folder))
        refuse_existing(folder, overwrite=overwrite)
        if not (folder / RECIPE).is_file():
            raise PasunchatError(f"{folder} is no run, so it is not replaced; take another --name")
    return folder


def begin_run(
    folder: Path,
    dataset: Dataset,
    recipe: Recipe,
    runtime: Runtime,
    class_weights: tuple[float, ...] | None,
    start: str | None = None,
    *,
    overwrite: bool = False,
) -> Run:
    """A new run in `folder`, or the one that was begun there and is to go on.

    start: digest of the classifier whose weights it begins from. overwrite: delete the run in that
    folder and begin a new one. Raises PasunchatError if the run there has another recipe, other
    data or another start.
    """
    if overwrite and (folder / RECIPE).is_file():
        shutil.rmtree(folder)
    if not (folder / RECIPE).is_file():
        write_run(folder, recipe, _info(dataset, runtime, class_weights, start))
        return open_run(folder)
    run = open_run(folder)
    if run.recipe != recipe or run.info.data.digest != dataset.digest:
        raise PasunchatError(
            f"{folder} was begun with another recipe or other data; take another --name, "
            "or --overwrite"
        )
    if run.info.start != start:
        raise PasunchatError(
            f"{folder} was begun from {recipe.start} when that had other weights; take another "
            "--name, or --overwrite"
        )
    return run


def refuse_unfinished(run: Run) -> None:
    """Raise PasunchatError, saying how to go on, if the run's training has not ended."""
    if not run.finished:
        done = f"{counted(len(run.history), 'epoch')} of at most {run.recipe.epochs} done"
        raise PasunchatError(
            f"the run {run.folder} is unfinished ({done}); go on with: "
            f"{command('train', '--resume', run.folder)}; or take another --name, or begin it "
            "again with --overwrite"
        )


def find_run(name: str | Path, runs: Path = RUNS) -> Path:
    """The folder of a run, finished or not, by that folder or by its name under ./runs."""
    folders = (Path(name), runs / name)
    return next((folder for folder in folders if (folder / RECIPE).is_file()), Path(name))


def open_run(folder: str | Path) -> Run:
    """Read a run. Raises PasunchatError if the folder holds none, or a damaged one."""
    folder = Path(folder)
    if not (folder / RECIPE).is_file() or not (folder / RUN).is_file():
        raise PasunchatError(
            f"{folder} is no run ({RECIPE} or {RUN} is missing); expected a folder that "
            "pasunchat train made, such as runs/simple"
        )
    return Run(
        folder=folder,
        recipe=read_json(folder / RECIPE, Recipe),
        info=read_json(folder / RUN, RunInfo),
        history=tuple(read_history(folder)),
    )


def write_run(folder: Path, recipe: Recipe, info: RunInfo) -> None:
    """Write recipe.json and run.json; the folder is made if need be."""
    write_json(folder / RECIPE, recipe)
    write_json(folder / RUN, info)


def write_history(folder: Path, history: Sequence[Epoch]) -> None:
    """Write history.jsonl, a JSON line for each epoch."""
    write_bytes(folder / HISTORY, b"".join(msgspec.json.encode(row) + b"\n" for row in history))


def read_history(folder: Path) -> list[Epoch]:
    """The epochs so far, oldest first; empty before the first."""
    path = folder / HISTORY
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    return [from_json(line, Epoch, str(path)) for line in lines]


def add_timing(folder: Path, **figures: float | int) -> None:
    """Append a line to timing.jsonl, the only file whose bytes differ between equal trainings."""
    with (folder / TIMING).open("a") as file:
        file.write(json.dumps(figures) + "\n")


def _info(
    dataset: Dataset,
    runtime: Runtime,
    class_weights: tuple[float, ...] | None,
    start: str | None,
) -> RunInfo:
    return RunInfo(
        data=DataOrigin(
            path=str(dataset.folder),
            digest=dataset.digest,
            sources=dataset.facts.sources,
            counts=dataset.facts.counts.photos,
            decode=dataset.decode,
        ),
        versions={"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        device=runtime.device,
        threads=torch.get_num_threads(),
        class_weights=class_weights,
        start=start,
    )
