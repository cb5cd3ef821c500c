"""A whole split attacked, block by block: killed at any moment, it goes on with nothing lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.fool import GRID, Request
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_block import (
    BLOCK,
    Block,
    PictureFiles,
    SplitProgress,
    Subject,
    attack_block,
    rows_of,
    saved_block,
    silent,
)
from pasunchat.measures.attack_folder import PICTURES, ROBUSTNESS, read_block
from pasunchat.measures.attack_model import Data, attack_model, attacked_rows
from pasunchat.measures.attacked import picture_names, write_table
from pasunchat.measures.job_folder import begin, is_begun, sweep, write_shard
from pasunchat.measures.radii import Radii, requests_for, values_of
from pasunchat.measures.robust_accuracy import AttackRunInfo, Robustness, robustness
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.storage import write_json


def attack_split(
    model: Model,
    data: Data,
    folder: str | Path | None = None,
    request: Request | None = None,
    *,
    radii: Radii | None = None,
    split: str = "test",
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[SplitProgress], None] = silent,
    **options: Any,
) -> Robustness:
    """Attack the photos of a split ("train", "validation", "test" or "all"): the goal of each is
    to leave its real class. What was done before in `folder` is not done again.

    model, request, or its fields as options: as `fool` takes them. radii: at which robust accuracy
    is wanted, see `requests_for`. limit: attack so many photos, spread evenly over the split. It
    leaves robustness.json, photos.csv (and .parquet where pyarrow is installed), shards/ and, on
    256 levels, pictures/ with a receipt in each; the same bytes however often it was stopped. Times
    are in timing.jsonl alone. data: a Dataset; or, without a folder, where nothing is kept, also
    what `attack_model` takes.

    Raises PasunchatError if classifier and dataset do not fit, the split is empty, each photo has a
    mask of its own, or `folder` holds something else or an attack with other settings (replaced if
    `overwrite`).
    """
    if folder is None:
        found = attack_model(
            model, data, radii, request, split=split, limit=limit, progress=progress, **options
        )
        return found.robustness
    if not isinstance(data, Dataset):
        raise PasunchatError(
            f"a folder is kept for a Dataset, got {type(data).__name__}; leave the folder out, or "
            "prepare the photos"
        )
    requests = requests_for(request, options, radii)
    classifier = as_classifier(model)
    check_fit(classifier, data)
    folder, rows = Path(folder), attacked_rows(data, split, limit)
    info = AttackRunInfo(
        classifier=classifier.digest(), dataset=data.digest, split=split, limit=limit,
        photos=len(rows), request=requests[-1].info(), block=BLOCK, version=version("pasunchat"),
        radii=values_of(radii),
    )  # fmt: skip
    begun = is_begun(folder, info, "an attack", overwrite=overwrite)
    if begun:
        sweep(folder)
    subject = Subject(
        classifier, info.classifier, rows_of(classifier, data), requests,
        _files(folder, data, requests[-1]),
    )  # fmt: skip
    blocks = _attacked(_Work(folder, info, subject, rows, begun, progress))
    return _finished(folder, info, data.classes, blocks, classifier.known_as)


def _files(folder: Path, dataset: Dataset, request: Request) -> PictureFiles | None:
    if request.levels != GRID:
        return None
    names = picture_names(dataset.names)
    return PictureFiles(folder / PICTURES, names, dataset.size, dataset.framing, dataset.decode)


@dataclass
class _Work:
    """An attack at work."""

    folder: Path
    info: AttackRunInfo
    subject: Subject
    rows: NDArray[np.int64]  # to attack, in order
    begun: bool  # whether `folder` is this attack's already
    progress: Callable[[SplitProgress], None]
    fooled: int = 0
    attacked: int = 0  # photos of the blocks that this process finished
    seconds: float = 0.0  # that they took

    def report(self, done: int) -> None:
        """Report how far it is."""
        left = len(self.rows) - done
        seconds = self.seconds / self.attacked * left if self.attacked else None
        self.progress(SplitProgress(done, len(self.rows), self.fooled, seconds))


def _attacked(work: _Work) -> list[Block]:
    """Each block, from its shard where that is whole."""
    blocks: list[Block] = []
    work.report(0)
    for first in range(0, len(work.rows), BLOCK):
        block = read_block(work.folder, first) if work.begun else None
        block = block or _new_block(work, first)
        work.fooled += sum(photo.fooled for photo in block.photos)
        work.report(first + len(block.photos))
        blocks.append(block)
    return blocks


def _new_block(work: _Work, first: int) -> Block:
    """The folder is begun when the first block is through: what is refused leaves nothing."""
    started, rows = time.monotonic(), work.rows[first : first + BLOCK]
    found = attack_block(work.subject, rows, lambda done, _: work.report(first + done))
    if not work.begun:
        begin(work.folder, work.info)
        work.begun = True
    block = saved_block(work.subject, rows, found)
    seconds = time.monotonic() - started
    write_shard(work.folder, first, block, len(block.photos), seconds)
    work.attacked, work.seconds = work.attacked + len(rows), work.seconds + seconds
    return block


def _finished(
    folder: Path, info: AttackRunInfo, classes: tuple[str, ...], blocks: list[Block], model: str
) -> Robustness:
    photos = [photo for block in blocks for photo in block.photos]
    found = robustness(info, classes, photos, model)
    write_table(folder, photos)
    write_json(folder / ROBUSTNESS, found)
    return found
