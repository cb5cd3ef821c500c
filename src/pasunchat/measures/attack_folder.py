"""The folder of an attack on a split: its blocks with their pictures, and what came of it."""

from pathlib import Path

from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_block import Block
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.job_folder import read_shard
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.storage import read_json

ATTACKS_FOLDER = "attack"  # in a run's folder
ROBUSTNESS, PICTURES = "robustness.json", "pictures"


def read_block(folder: Path, first: int) -> Block | None:
    """The finished block whose first photo has this place; None unless it and every picture of it
    are there. Raises PasunchatError if it is damaged."""
    block, pictures = read_shard(folder, first, Block), folder / PICTURES
    if block is None:
        return None
    there = all((pictures / photo.picture).is_file() for photo in block.photos if photo.picture)
    return block if there else None


def read_photos(folder: Path, found: Robustness) -> list[AttackedPhoto]:
    """The photos of a finished attack, in the dataset's order. Raises PasunchatError if some are
    not there."""
    photos: list[AttackedPhoto] = []
    for first in range(0, found.photos, found.info.block):
        block = read_shard(folder, first, Block)
        if block is None:
            raise PasunchatError(f"{folder} lacks some of its photos; attack again")
        photos += block.photos
    return photos


def read_attacks(run_folder: Path) -> list[tuple[Path, Robustness]]:
    """Every finished attack under a run's `attack`, with its folder, by name. Raises
    PasunchatError if one is damaged."""
    found = sorted((run_folder / ATTACKS_FOLDER).glob(f"*/{ROBUSTNESS}"))
    return [(path.parent, read_json(path, Robustness)) for path in found]
