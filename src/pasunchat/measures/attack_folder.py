"""The folder of an attack on a split: whose it is, its finished blocks, its times."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_block import Block
from pasunchat.measures.robust_accuracy import AttackRunInfo, Robustness
from pasunchat.storage import read_json, write_json

ATTACKS_FOLDER = "attack"  # in a run's folder
INFO, ROBUSTNESS, TIMING = "info.json", "robustness.json", "timing.jsonl"
SHARDS, PICTURES = "shards", "pictures"


def is_begun(folder: Path, info: AttackRunInfo, *, overwrite: bool = False) -> bool:
    """Whether the folder holds this very attack, to go on with; with `overwrite`, never.

    Raises PasunchatError where it holds something else that may not be replaced.
    """
    if not (folder / INFO).is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise PasunchatError(f"{folder} holds no attack and is left alone; name another place")
        return False
    if overwrite:
        return False
    before = _flat(read_json(folder / INFO, AttackRunInfo))
    for name, requested in _flat(info).items():
        if before.get(name) != requested:
            raise PasunchatError(
                f"{folder} holds an attack with another {name} ({before.get(name)}, not "
                f"{requested}); "
                "name another place, or replace it with --overwrite"
            )
    return True


def _flat(info: AttackRunInfo) -> dict[str, Any]:
    """Its fields by name, those of the request and the settings of its attack among them."""
    fields = asdict(info)
    request = fields.pop("request")
    settings = request.pop("settings")
    return {"attack": request.pop("attack"), **settings, **request, **fields}


def sweep(folder: Path) -> None:
    """Remove what a kill left half written."""
    for part in folder.rglob(".*.part*"):
        part.unlink(missing_ok=True)


def begin(folder: Path, info: AttackRunInfo) -> None:
    """Make the folder this attack's, instead of what it was."""
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / INFO, info)


def read_block(folder: Path, first: int) -> Block | None:
    """The finished block whose first photo has this place; None unless it and every picture of it
    are there. Raises PasunchatError if it is damaged."""
    shard, pictures = _shard(folder, first), folder / PICTURES
    if not shard.is_file():
        return None
    block = read_json(shard, Block)
    there = all((pictures / photo.picture).is_file() for photo in block.photos if photo.picture)
    return block if there else None


def write_block(folder: Path, first: int, block: Block, seconds: float) -> None:
    """Keep a block whose pictures are written, whole or not at all, and how long it took."""
    write_json(_shard(folder, first), block)
    line = {"first": first, "photos": len(block.photos), "seconds": round(seconds, 3)}
    with (folder / TIMING).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _shard(folder: Path, first: int) -> Path:
    return folder / SHARDS / f"{first:06}.json"


def read_attacks(run_folder: Path) -> list[tuple[Path, Robustness]]:
    """Every finished attack under a run's `attack`, with its folder, by name. Raises
    PasunchatError if one is damaged."""
    found = sorted((run_folder / ATTACKS_FOLDER).glob(f"*/{ROBUSTNESS}"))
    return [(path.parent, read_json(path, Robustness)) for path in found]
