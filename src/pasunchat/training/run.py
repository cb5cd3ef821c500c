"""Run: the folder that a training leaves, and the checkpoint by which it goes on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
from torch import Tensor

from pasunchat.classifiers.files import INFO
from pasunchat.errors import PasunchatError
from pasunchat.storage import from_json, read_json, write_bytes, write_json
from pasunchat.training.recipe import Recipe

RECIPE, RUN, HISTORY = "recipe.json", "run.json", "history.jsonl"
TIMING, CHECKPOINT = "timing.jsonl", "checkpoint.safetensors"


@dataclass(frozen=True)
class Epoch:
    """One row of the history. Losses are means of cross-entropy in nats; accuracies in [0, 1].

    loss: over the epoch's batches, while the weights moved. training_*, validation_*: measured
    at the end of the epoch, the same way, on as many photos as each has, at most as validation.
    """

    epoch: int
    loss: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class DataOrigin:
    """The dataset a run was made from."""

    path: str
    digest: str
    sources: tuple[str, ...]
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class RunFacts:
    """What the run was made from and how it stands. Nothing here depends on the clock.

    ended: why training ended, a sentence; None while it has not. good: whether it ended as the
    recipe meant, rather than by a loss that led nowhere. class_weights: None where equal.
    """

    data: DataOrigin
    versions: dict[str, str]
    device: str
    threads: int
    class_weights: tuple[float, ...] | None = None
    best_epoch: int | None = None
    ended: str | None = None
    good: bool = True


@dataclass(frozen=True)
class Run:
    """A run's folder and all that stands in it."""

    folder: Path
    recipe: Recipe
    facts: RunFacts
    history: tuple[Epoch, ...]

    @property
    def finished(self) -> bool:
        """Whether its training has ended and its classifier is there."""
        return self.facts.ended is not None and (self.folder / INFO).is_file()


@dataclass
class Counters:
    """Where a training stands: how to go on, apart from the weights.

    steps: of all epochs, counted for the running mean of the weights. step: batches done in the
    epoch at hand; total: sum of their losses times their photos.
    waited: epochs since validation loss was last lower.
    """

    epoch: int = 0
    steps: int = 0
    step: int = 0
    total: float = 0.0
    seen: int = 0
    waited: int = 0
    best_epoch: int | None = None
    ended: str | None = None
    good: bool = True
    history: list[Epoch] = field(default_factory=list)


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
        facts=read_json(folder / RUN, RunFacts),
        history=tuple(read_history(folder)),
    )


def write_run(folder: Path, recipe: Recipe, facts: RunFacts) -> None:
    """Write what a run is made from; the folder is made if need be."""
    write_json(folder / RECIPE, recipe)
    write_json(folder / RUN, facts)


def write_history(folder: Path, history: Sequence[Epoch]) -> None:
    """One JSON line an epoch."""
    write_bytes(folder / HISTORY, b"".join(msgspec.json.encode(row) + b"\n" for row in history))


def read_history(folder: Path) -> list[Epoch]:
    """The epochs so far, oldest first."""
    path = folder / HISTORY
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    return [from_json(line, Epoch, str(path)) for line in lines]


def add_timing(folder: Path, **figures: float | int) -> None:
    """Note times, which are outside every promise of equal bytes."""
    with (folder / TIMING).open("a") as file:
        file.write(json.dumps(figures) + "\n")


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], counters: Counters) -> None:
    """All that going on needs, in one file, whole or not at all."""
    facts = {"counters": msgspec.json.encode(counters).decode()}
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(folder / CHECKPOINT, safetensors.torch.save(whole, metadata=facts))


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], Counters] | None:
    """The last checkpoint, or None where there is none. Raises PasunchatError if damaged."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = file.metadata()["counters"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, KeyError) as error:
        raise PasunchatError(f"{path} is damaged ({error}); delete it to start again") from error
    return tensors, from_json(facts, Counters, str(path))
