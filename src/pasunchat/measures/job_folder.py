"""The folder of a job on a split: what was asked for, its finished blocks, its times.

A block is whole or not there, so that a job that was killed goes on with what it has.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pasunchat.errors import PasunchatError
from pasunchat.storage import read_json, write_json

T = TypeVar("T")
INFO, TIMING, SHARDS = "info.json", "timing.jsonl", "shards"


def is_begun(folder: Path, info: Any, job: str, *, overwrite: bool = False) -> bool:
    """Whether the folder holds this very job, to go on with; with `overwrite`, never.

    info: a dataclass of what is asked for. job: what it is called, "an attack". Raises
    PasunchatError where the folder holds something else that may not be replaced.
    """
    if not (folder / INFO).is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise PasunchatError(
                f"{folder} holds no {job.split()[-1]} and is left alone; name another place"
            )
        return False
    if overwrite:
        return False
    before = _flat(asdict(read_json(folder / INFO, type(info))))
    for name, requested in _flat(asdict(info)).items():
        if before.get(name) != requested:
            raise PasunchatError(
                f"{folder} holds {job} with another {name} ({before.get(name)}, not {requested}); "
                "name another place, or replace it with --overwrite"
            )
    return True


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by name: what was asked for, its settings behind it, before whose bytes it is."""
    asked = [value for value in fields.values() if isinstance(value, Mapping)]
    return {**dict(leaf for value in asked for leaf in _leaves(value)), **dict(_leaves(fields))}


def _leaves(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Its fields by name, then those of the values that have fields."""
    yield from ((key, value) for key, value in fields.items() if not isinstance(value, Mapping))
    for value in fields.values():
        if isinstance(value, Mapping):
            yield from _leaves(value)


def sweep(folder: Path) -> None:
    """Remove what a kill left half written."""
    for part in folder.rglob(".*.part*"):
        part.unlink(missing_ok=True)


def begin(folder: Path, info: Any) -> None:
    """Make the folder this job's, instead of what it was."""
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / INFO, info)


def read_shard(folder: Path, first: int, kind: type[T]) -> T | None:
    """The finished block whose first photo has this place; None where there is none. Raises
    PasunchatError if it is damaged."""
    path = _shard(folder, first)
    return read_json(path, kind) if path.is_file() else None


def write_shard(folder: Path, first: int, block: Any, photos: int, seconds: float) -> None:
    """Keep a block, whole or not at all, and how long it took."""
    write_json(_shard(folder, first), block)
    line = {"first": first, "photos": photos, "seconds": round(seconds, 3)}
    with (folder / TIMING).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _shard(folder: Path, first: int) -> Path:
    return folder / SHARDS / f"{first:06}.json"
