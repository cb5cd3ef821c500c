"""One photo of an attacked split: how it is read before and after, how large the change is, and
the file it is saved in."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.attacks.result import Status
from pasunchat.norms import NORMS
from pasunchat.storage import shortened, whole_file

TABLE, PARQUET = "photos.csv", "photos.parquet"
LONGEST_NAME = 150  # bytes


@dataclass(frozen=True)
class AttackedPhoto:
    """One photo, before and after: a row of photos.csv. Sizes are of the closest try where it was
    not fooled."""

    row: int  # in the dataset
    name: str
    real: str  # its class
    before: str  # the class read before
    confidence_before: float
    after: str  # the class read after, of the file as read back from disk
    confidence: float
    status: Status
    fooled: bool  # read rightly as it was, and not as it is now
    distance: float  # of the change, in the norm asked for
    l2: float  # of the change, pixels in [0, 1]
    levels: float  # its largest part, in levels of 255
    l1: float  # pixels in [0, 1]
    l0: int  # values changed
    pixels: int  # pixels changed
    margin: float  # of leaving the real class, above 0 when left
    forwards: int  # queries
    backwards: int  # gradients
    picture: str  # its file; empty where there is none

    @property
    def right(self) -> bool:
        """Whether it was read rightly before anything was changed."""
        return self.before == self.real

    @property
    def enough(self) -> float:
        """The distance within which it is misread: 0 where it was from the start, infinite where
        it was not fooled."""
        if not self.right:
            return 0.0
        return self.distance if self.fooled else inf


@dataclass(frozen=True)
class Sizes:
    """How large one change is; the fields as in AttackedPhoto."""

    l2: float
    levels: float
    l1: float
    l0: int
    pixels: int


def sizes(change: NDArray[np.float64]) -> Sizes:
    """The sizes of a change in levels of 255, [3, H, W]; whole levels give exact sizes."""
    noise = torch.from_numpy(change / 255)[None]
    l2, l1, l0, pixels = (float(NORMS[n].measure(noise)) for n in ("l2", "l1", "l0", "pixels"))
    return Sizes(l2, float(np.abs(change).max()), l1, int(l0), int(pixels))


def picture_names(names: Sequence[str]) -> list[str]:
    """A file name without ending for each photo of a dataset, all different: "cat/7.jpg" is
    "cat_7", and another of that name "cat_7-2"."""
    taken: set[str] = set()
    found = []
    for name in names:
        bare = re.sub(r"[^\w.+-]+", "_", str(Path(name).with_suffix("")))
        bare = shortened(bare, LONGEST_NAME).strip("._") or "photo"
        unique, tries = bare, 1
        while unique.casefold() in taken:
            tries += 1
            unique = f"{bare}-{tries}"
        taken.add(unique.casefold())
        found.append(unique)
    return found


def write_table(folder: Path, photos: Sequence[AttackedPhoto]) -> list[Path]:
    """Write photos.csv, and photos.parquet where pyarrow is installed (the extra `parquet`);
    returns the files."""
    rows = [{**asdict(photo), "status": str(photo.status)} for photo in photos]
    write_rows(folder / TABLE, [field.name for field in fields(AttackedPhoto)], rows)
    if find_spec("pyarrow") is None:
        return [folder / TABLE]
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    with whole_file(folder / PARQUET) as part:
        parquet.write_table(pyarrow.Table.from_pylist(rows), part)
    return [folder / TABLE, folder / PARQUET]


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table as CSV, whole or not at all."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
