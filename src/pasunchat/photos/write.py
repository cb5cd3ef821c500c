"""Writes what follows once every photo has been read: labels, splits, manifest, facts."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.photos.dataset import (
    FACTS,
    FORMAT,
    MANIFEST_COLUMNS,
    SKIPPED_COLUMNS,
    Counts,
    DatasetFacts,
    count_photos,
)
from pasunchat.photos.partial import Row
from pasunchat.photos.sources import Entry, Listing, Skipped
from pasunchat.photos.splitting import SPLITS, Member, Proportions, divide
from pasunchat.storage import sha256, write_bytes, write_json


@dataclass(frozen=True)
class Settings:
    """How photos become rows: see `prepare`."""

    size: int  # side of the square pictures, in pixels
    framing: Framing
    decode: Decode
    split: Proportions  # shares for training, validation and test
    seed: int


def write_all_but_pixels(
    folder: Path,
    listings: Sequence[Listing],
    entries: Sequence[Entry],
    rows: Sequence[Row],
    settings: Settings,
) -> None:
    """Write the files of a dataset into `folder`, where its pixels are already.

    rows: what came of each entry, in the same order. Raises PasunchatError if a class has
    no photo that opens, or too few to be split.
    """
    taken = [(entry, row) for entry, row in zip(entries, rows, strict=True) if not row.reason]
    classes = _classes(entries, rows)
    members = [Member(e.class_name, row.sha256, e.source, e.split) for e, row in taken]
    sides = divide(members, settings.split, settings.seed)
    skipped = _skipped(listings, entries, rows)
    labels = np.array([classes.index(entry.class_name) for entry, _ in taken], np.int64)
    split = np.array([SPLITS.index(side) for side in sides], np.uint8)
    facts = DatasetFacts(
        format=FORMAT,
        classes=classes,
        size=settings.size,
        framing=settings.framing,
        decode=settings.decode,
        seed=settings.seed,
        split=settings.split,
        sources=tuple(listing.source for listing in listings),
        counts=Counts(
            photos=count_photos(labels, split, classes),
            skipped=dict(sorted(Counter(item.reason for item in skipped).items())),
            copies=len(members) - len({member.content for member in members}),
            two_classes=_under_two((m.content, m.class_name) for m in members),
            two_sides=_under_two(zip((m.content for m in members), sides, strict=True)),
        ),
        digest=_digest(classes, settings, taken, sides),
    )
    _write_array(folder / "labels.npy", labels)
    _write_array(folder / "split.npy", split)
    _write_csv(folder / "manifest.csv", MANIFEST_COLUMNS, _manifest(taken, sides))
    _write_csv(folder / "skipped.csv", SKIPPED_COLUMNS, map(_skipped_line, skipped))
    write_json(folder / FACTS, facts)


def _classes(entries: Sequence[Entry], rows: Sequence[Row]) -> tuple[str, ...]:
    """The classes, sorted. Raises PasunchatError for one whose photos all fail to open."""
    tried = {entry.class_name: (entry, row) for entry, row in zip(entries, rows, strict=True)}
    opened = {e.class_name for e, row in zip(entries, rows, strict=True) if not row.reason}
    for class_name in sorted(set(tried) - opened):
        entry, row = tried[class_name]
        raise PasunchatError(
            f'no photo of the class "{class_name}" opens (for one, {entry.name}: {row.sentence}); '
            "replace them, or take that class away"
        )
    return tuple(sorted(opened))


def _skipped(
    listings: Sequence[Listing], entries: Sequence[Entry], rows: Sequence[Row]
) -> list[Skipped]:
    found = [item for listing in listings for item in listing.skipped]
    found += [
        Skipped(entry.source, entry.name, row.reason, row.sentence)
        for entry, row in zip(entries, rows, strict=True)
        if row.reason
    ]
    return sorted(found, key=lambda item: (item.source, item.name))


def _skipped_line(item: Skipped) -> tuple[Any, ...]:
    return item.source, item.name, item.reason, item.sentence


def _under_two(pairs: Iterable[tuple[str, str]]) -> int:
    """How many of the first come with more than one of the second."""
    seen: Mapping[str, set[str]] = defaultdict(set)
    for content, other in pairs:
        seen[content].add(other)
    return sum(len(others) > 1 for others in seen.values())


def _digest(
    classes: Sequence[str],
    settings: Settings,
    taken: Sequence[tuple[Entry, Row]],
    sides: Sequence[str],
) -> str:
    parts = [str(FORMAT), *classes, str(settings.size), settings.framing, settings.decode]
    for (entry, row), side in zip(taken, sides, strict=True):
        parts += [row.sha256, row.pixels_sha256, entry.class_name, side]
    return sha256(*parts)


def _manifest(
    taken: Sequence[tuple[Entry, Row]], sides: Sequence[str]
) -> Iterable[tuple[Any, ...]]:
    for index, ((entry, row), side) in enumerate(zip(taken, sides, strict=True)):
        file = (row.sha256, row.width, row.height, row.bytes)
        yield index, entry.class_name, side, entry.name, entry.source, *file


def _write_array(path: Path, array: Any) -> None:
    file = io.BytesIO()
    np.save(file, array)
    write_bytes(path, file.getvalue())


def _write_csv(path: Path, columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    write_bytes(path, file.getvalue().encode())
