"""A whole split attacked, block by block: killed at any moment, it goes on with nothing lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.fool import Request, request_of
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_block import GRID, Block, Subject, attack_block, saved_block
from pasunchat.measures.attack_folder import (
    PICTURES,
    ROBUSTNESS,
    begin,
    is_begun,
    read_block,
    sweep,
    write_block,
)
from pasunchat.measures.attacked import picture_names, write_table
from pasunchat.measures.robust_accuracy import AttackRunInfo, Robustness, robustness
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.storage import write_json

BLOCK = 16  # photos attacked together, and so what a kill may lose


@dataclass(frozen=True)
class SplitProgress:
    """How far an attack on a split is."""

    done: int
    photos: int
    fooled: int  # of the photos of finished blocks
    seconds_left: float | None  # at the pace of this process; None until it has finished a block


def silent(progress: SplitProgress) -> None:
    """The callback that reports to nobody."""


def attack_split(
    classifier: Classifier,
    dataset: Dataset,
    folder: str | Path,
    request: Request | None = None,
    *,
    split: str = "test",
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[SplitProgress], None] = silent,
    **options: Any,
) -> Robustness:
    """Attack the photos of a split ("train", "validation", "test" or "all"): the goal of each is
    to leave its real class. What was done before in `folder` is not done again.

    request, or its fields as options: as `fool` takes them. limit: attack so many photos, spread
    evenly over the split. It leaves robustness.json, photos.csv (and .parquet where pyarrow is
    installed), shards/ and, on 256 levels, pictures/ with a receipt in each; the same bytes however
    often it was stopped. Times are in timing.jsonl alone.

    Raises PasunchatError if classifier and dataset do not fit, the split is empty, each photo has a
    mask of its own, or `folder` holds something else or an attack with other settings (replaced if
    `overwrite`).
    """
    request = request_of(request, options)
    _refuse_a_mask_for_each(request)
    check_fit(classifier, dataset)
    folder, rows = Path(folder), attacked_rows(dataset, split, limit)
    info = AttackRunInfo(
        classifier=classifier.digest(), dataset=dataset.digest, split=split, limit=limit,
        photos=len(rows), request=request.info(), block=BLOCK, version=version("pasunchat"),
    )  # fmt: skip
    begun = is_begun(folder, info, overwrite=overwrite)
    if begun:
        sweep(folder)
    pictures = folder / PICTURES if request.levels == GRID else None
    names = picture_names(dataset.names)
    subject = Subject(classifier, info.classifier, dataset, request, names, pictures)
    blocks = _attacked(_Work(folder, info, subject, rows, begun, progress))
    return _finished(folder, info, dataset.classes, blocks, classifier.known_as)


def _refuse_a_mask_for_each(request: Request) -> None:
    mask = request.mask
    if mask is not None and mask.ndim == 4 and len(mask) > 1:
        raise PasunchatError(
            "mask: expected one mask for all photos of a split, [H, W] or [1, 1 or 3, H, W], got "
            f"{list(mask.shape)}"
        )


def attacked_rows(dataset: Dataset, split: str, limit: int | None) -> NDArray[np.int64]:
    """The rows to be attacked: all of the split, or `limit` of them spread evenly over it.

    Raises PasunchatError if there is none.
    """
    if limit is not None and limit < 1:
        raise PasunchatError(f"limit: expected 1 photo or more, got {limit}")
    rows = dataset.rows(split)
    if not len(rows):
        raise PasunchatError(f'{dataset.folder} has no photo in its split "{split}"')
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.arange(limit) * len(rows) // limit]


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
    result = attack_block(work.subject, rows, lambda done, _: work.report(first + done))
    if not work.begun:
        begin(work.folder, work.info)
        work.begun = True
    block = saved_block(work.subject, rows, result)
    seconds = time.monotonic() - started
    write_block(work.folder, first, block, seconds)
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
