"""A dataset: photos as numbers in a folder, in files that NumPy and a CSV reader can open."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.photos.splitting import SPLITS, Proportions
from pasunchat.storage import read_json
from pasunchat.words import count

FORMAT = 1
FACTS = "dataset.json"
MANIFEST_COLUMNS = (
    "index", "class", "split", "name", "source", "sha256", "width", "height", "bytes"
)  # fmt: skip
SKIPPED_COLUMNS = ("source", "name", "reason", "sentence")


@dataclass(frozen=True)
class Counts:
    """What preparing found.

    photos: class -> split -> number. skipped: reason -> number. copies: photos whose very file
    came before. two_classes, two_sides: contents that lie under two classes, on two sides.
    """

    photos: dict[str, dict[str, int]]
    skipped: dict[str, int]
    copies: int
    two_classes: int
    two_sides: int


@dataclass(frozen=True)
class DatasetFacts:
    """dataset.json: what a dataset is and how it was made.

    digest: SHA-256 over classes, size, framing, decode, and the rows in order: each photo's file,
    pixels, label and split; not over paths or times.
    """

    format: int
    classes: tuple[str, ...]
    size: int
    framing: Framing
    decode: Decode
    seed: int
    split: Proportions
    sources: tuple[str, ...]
    counts: Counts
    digest: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared photos. pixels: uint8 [N, size, size, 3], memory-mapped, read-only.

    labels: int64 [N], places in `classes`. split: uint8 [N], places in SPLITS. names: [N], with
    forward slashes, as in the source.
    """

    folder: Path
    facts: DatasetFacts
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: NDArray[np.uint8]
    names: tuple[str, ...]

    def __repr__(self) -> str:
        photos = f"{count(len(self.labels), 'photo')} of {self.size} x {self.size} pixels"
        classes = count(len(self.classes), "class", "classes")
        return f"<Dataset: {self.folder}: {photos}, {classes}>"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    @property
    def size(self) -> int:
        """The side of the square pictures, in pixels."""
        return self.facts.size

    @property
    def framing(self) -> Framing:
        return self.facts.framing

    @property
    def decode(self) -> Decode:
        return self.facts.decode

    @property
    def counts(self) -> Counts:
        return self.facts.counts

    @property
    def digest(self) -> str:
        return self.facts.digest

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows of "train", "validation", "test" or "all", rising. Raises PasunchatError."""
        if split == "all":
            return np.arange(len(self.labels), dtype=np.int64)
        if split not in SPLITS:
            raise PasunchatError(f'unknown split "{split}"; there are: {", ".join(SPLITS)}, all')
        return np.flatnonzero(self.split == SPLITS.index(split)).astype(np.int64)


def is_dataset(folder: str | Path) -> bool:
    """Whether `folder` says that it is a dataset."""
    return (Path(folder) / FACTS).is_file()


def open_dataset(folder: str | Path) -> Dataset:
    """The dataset in `folder`. Raises PasunchatError if there is none, or it is damaged."""
    folder = Path(folder)
    if not is_dataset(folder):
        raise PasunchatError(
            f"no dataset at {folder} (no {FACTS}); make one: pasunchat prepare SOURCE -o {folder}"
        )
    facts = read_json(folder / FACTS, DatasetFacts)
    if facts.format != FORMAT:
        raise PasunchatError(
            f"{folder} is a dataset of format {facts.format}, expected {FORMAT}; prepare it again"
        )
    try:
        dataset = Dataset(
            folder,
            facts,
            pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            split=np.load(folder / "split.npy"),
            names=_names(folder / "manifest.csv"),
        )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise _damaged(folder, str(error)) from error
    _check(dataset)
    return dataset


def _names(manifest: Path) -> tuple[str, ...]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return tuple(row["name"] for row in csv.DictReader(file))


def _check(dataset: Dataset) -> None:
    facts, count = dataset.facts, len(dataset.names)
    wanted = {
        "pixels": ((count, facts.size, facts.size, 3), np.uint8),
        "labels": ((count,), np.int64),
        "split": ((count,), np.uint8),
    }
    for name, (shape, kind) in wanted.items():
        found = getattr(dataset, name)
        if found.shape != shape or found.dtype != kind:
            what = f"{name}.npy holds {found.dtype} {found.shape}, expected {shape}"
            raise _damaged(dataset.folder, what)
    if count_photos(dataset.labels, dataset.split, facts.classes) != facts.counts.photos:
        raise _damaged(dataset.folder, f"labels.npy or split.npy disagrees with {FACTS}")


def _damaged(folder: Path, what: str) -> PasunchatError:
    return PasunchatError(f"the dataset {folder} is damaged ({what}); prepare it again")


def count_photos(
    labels: NDArray[np.int64], split: NDArray[np.uint8], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Class -> split -> number of photos."""
    return {
        class_name: {
            side: int(np.sum((labels == label) & (split == code)))
            for code, side in enumerate(SPLITS)
        }
        for label, class_name in enumerate(classes)
    }
