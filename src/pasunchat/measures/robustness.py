"""A whole split attacked, block by block: killed at any moment, it goes on with nothing lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.fool import fool
from pasunchat.attacks.norms import L2, Norm
from pasunchat.attacks.protocol import Effort, Facts
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_block import GRID, Block, Door, Subject, attack_block, saved_block
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
from pasunchat.measures.robust_accuracy import AttackFacts, Robustness, robustness
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.storage import write_json

BLOCK = 16  # photos attacked together, and so what a kill may lose


@dataclass(frozen=True)
class SoFar:
    """How far an attack on a split is. fooled: of the photos of finished blocks. seconds_left: at
    the pace of this process; None until it has finished a block."""

    done: int
    photos: int
    fooled: int
    seconds_left: float | None


def silent(so_far: SoFar) -> None:
    """The callback that tells nobody."""


def attack_split(
    classifier: Classifier,
    dataset: Dataset,
    folder: str | Path,
    *,
    attack: str | Facts | None = None,
    norm: Norm = L2,
    radius: float | None = None,
    confidence: float | None = None,
    levels: int | None = 256,
    effort: Effort = "normal",
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[SoFar], None] = silent,
) -> Robustness:
    """Attack the photos of a split ("train", "validation", "test" or "all"): the goal of each is
    to leave its real class. What was done before in `folder` is not done again.

    attack, norm, radius, confidence, levels, effort, seed: as `fool` takes them. limit: attack so
    many photos, spread evenly over the split. It leaves robustness.json, photos.csv (and .parquet
    where pyarrow is installed), shards/ and, on 256 levels, pictures/ with a receipt in each; the
    same bytes however often it was stopped. Times are in timing.jsonl alone.

    Raises PasunchatError if classifier and dataset do not fit, the split is empty, or `folder`
    holds something else or an attack with other settings (replaced if `overwrite`).
    """
    check_fit(classifier, dataset)
    folder, rows = Path(folder), attacked_rows(dataset, split, limit)
    facts = AttackFacts(
        classifier=classifier.digest(), dataset=dataset.digest, split=split, limit=limit,
        photos=len(rows), attack=attack if attack is None else str(attack), norm=norm.name,
        radius=radius, confidence=confidence, levels=levels, effort=effort, seed=seed,
        block=BLOCK, version=version("pasunchat"),
    )  # fmt: skip
    begun = is_begun(folder, facts, overwrite=overwrite)
    if begun:
        sweep(folder)
    door = partial(
        fool, classifier, attack=attack, norm=norm, radius=radius, confidence=confidence,
        levels=levels, effort=effort, seed=seed,
    )  # fmt: skip
    pictures = folder / PICTURES if levels == GRID else None
    names = picture_names(dataset.names)
    subject = Subject(classifier, facts.classifier, dataset, names, pictures)
    blocks = _attacked(_Work(folder, facts, subject, rows, door, begun, progress))
    return _finished(folder, facts, dataset.classes, blocks)


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
    """An attack at work. begun: whether `folder` is this attack's already. attacked, seconds:
    photos of the blocks that this process finished, and what they took."""

    folder: Path
    facts: AttackFacts
    subject: Subject
    rows: NDArray[np.int64]
    door: Door
    begun: bool
    progress: Callable[[SoFar], None]
    fooled: int = 0
    attacked: int = 0
    seconds: float = 0.0

    def tell(self, done: int) -> None:
        left = len(self.rows) - done
        seconds = self.seconds / self.attacked * left if self.attacked else None
        self.progress(SoFar(done, len(self.rows), self.fooled, seconds))


def _attacked(work: _Work) -> list[Block]:
    """Each block, from its shard where that is whole."""
    blocks: list[Block] = []
    work.tell(0)
    for first in range(0, len(work.rows), BLOCK):
        block = read_block(work.folder, first) if work.begun else None
        block = block or _attack_block(work, first)
        work.fooled += sum(photo.fooled for photo in block.photos)
        work.tell(first + len(block.photos))
        blocks.append(block)
    return blocks


def _attack_block(work: _Work, first: int) -> Block:
    """The folder is begun when the first block is through: what is refused leaves nothing."""
    started, rows = time.monotonic(), work.rows[first : first + BLOCK]
    asked = attack_block(work.subject, rows, work.door, lambda done, _: work.tell(first + done))
    if not work.begun:
        begin(work.folder, work.facts)
        work.begun = True
    block = saved_block(work.subject, asked)
    seconds = time.monotonic() - started
    write_block(work.folder, first, block, seconds)
    work.attacked, work.seconds = work.attacked + len(rows), work.seconds + seconds
    return block


def _finished(
    folder: Path, facts: AttackFacts, classes: tuple[str, ...], blocks: list[Block]
) -> Robustness:
    photos = [photo for block in blocks for photo in block.photos]
    attacked = [block for block in blocks if block.attack is not None]
    attack = attacked[0].attack if attacked else None
    settings = attacked[0].settings if attacked else {}
    found = robustness(facts, attack, settings, classes, photos)
    write_table(folder, photos)
    write_json(folder / ROBUSTNESS, found)
    return found
