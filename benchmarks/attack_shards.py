"""Jobs in shards: each block of photos is one small JSON file, and is done once.

FOLDER/shards/NETWORK/SECTION/CONTESTANT/SETTING/FIRST.json. A block that raises leaves its
traceback in FIRST.error, and is tried again the next time.
"""

import json
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_contestant import Outcome
from attack_networks import Chosen, chosen, how_many, names
from attack_plan import CONTESTANTS, SECTIONS, Job
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.runtime import keep_pages
from pasunchat.storage import write_bytes

OUTSIDE = 1e-6  # how far outside [0, 1] arithmetic may end
CLOSE = 1e-5  # of logits, by which a required margin may be missed in fp32
Row = dict[str, Any]


def run(folder: Path, jobs: Sequence[Job], threads: int, device: str) -> None:
    """Run the jobs not done yet, on networks that the folder has; prints a line for each shard."""
    keep_pages()
    torch.set_num_threads(threads)
    networks = names(folder)
    for job in (job for job in jobs if job.network in networks):
        for first, count in _blocks(job, how_many(folder, job.network)):
            path = shard_path(folder, job, first)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            outcome = _shard(folder, path, job, first, count, device)
            print(path.relative_to(folder / "shards").as_posix(), outcome, flush=True)


def shard_path(folder: Path, job: Job, first: int) -> Path:
    """Where a shard lies."""
    place = folder / "shards" / job.network / job.section / job.contestant / job.setting
    return place / f"{first:04d}.json"


def _blocks(job: Job, photos: int) -> Iterator[tuple[int, int]]:
    most = min(job.photos, photos)
    for first in range(0, most, job.block):
        yield first, min(job.block, most - first)


def _shard(folder: Path, path: Path, job: Job, first: int, count: int, device: str) -> str:
    photos = chosen(folder, job.network, first, count, device)
    contestant = CONTESTANTS[job.contestant]
    torch.manual_seed(contestant.seed + first)
    started = time.perf_counter()
    try:
        outcome = contestant.attack(photos.classifier, photos.pixels, photos.labels, job.setting)
    except Exception as error:
        path.with_suffix(".error").write_text(traceback.format_exc())
        return f"failed: {type(error).__name__}: {error}"
    seconds = time.perf_counter() - started
    rows = judged(photos, outcome, SECTIONS[job.section].least_margin, first)
    shard = {
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "device": device,
        "torch": torch.__version__,
        "rows": rows,
    }
    write_bytes(path, json.dumps(shard, indent=1).encode())
    fooled = sum(row["fooled"] for row in rows)
    return f"{fooled} of {count} fooled, {seconds:.1f} s"


def judged(photos: Chosen, outcome: Outcome, least_margin: float, first: int) -> list[Row]:
    """A row for each photo: its result as returned, and rounded to 8 bits and classified alone.

    fooled, rounded_fooled: whether another class's logit is above the photo's own by more than
    `least_margin`. As returned that counts if it holds alone or in the batch of its block: logits
    differ in their last bits, and the contestant saw the batch's. distance, rounded_distance: in
    every norm.
    """
    valid, found = _valid(outcome.pixels)
    rounded = found.mul(255).round().div(255)
    margin = torch.maximum(_margin(photos, found, 1), _margin(photos, found, len(found)))
    rounded_margin = _margin(photos, rounded, 1)
    least = least_margin - CLOSE if least_margin else 0.0
    change = _change(photos.pixels, found)
    rounded_change = _change(photos.pixels, rounded).round()
    rows = []
    for row in range(len(found)):
        rows.append({
            "photo": first + row,
            "valid": valid[row],
            "fooled": valid[row] and float(margin[row]) > least,
            "margin": float(margin[row]),
            "distance": distances(change[row]),
            "rounded_fooled": valid[row] and float(rounded_margin[row]) > least,
            "rounded_margin": float(rounded_margin[row]),
            "rounded_distance": distances(rounded_change[row]),
            "forwards": outcome.forwards[row],
            "backwards": outcome.backwards[row],
        })  # fmt: skip
    return rows


def distances(levels: NDArray[np.float64]) -> dict[str, float]:
    """The length of a change in every norm, for pixels in [0, 1]; levels: of 255, [3, H, W]."""
    size = np.abs(levels)
    return {
        "l2": float(np.sqrt(np.square(size).sum())) / 255,
        "linf": float(size.max()) / 255,
        "l1": float(size.sum()) / 255,
        "l0": float((size > 0).sum()),
        "pixels": float((size > 0).any(0).sum()),
    }


def _valid(pixels: Tensor) -> tuple[list[bool], Tensor]:
    """Which rows are finite and inside [0, 1], and all rows brought there."""
    flat = pixels.flatten(1)
    finite = torch.isfinite(flat).all(1)
    inside = (flat.nan_to_num(9) >= -OUTSIDE).all(1) & (flat.nan_to_num(9) <= 1 + OUTSIDE).all(1)
    return (finite & inside).tolist(), pixels.nan_to_num(0).clamp(0, 1)


def _margin(photos: Chosen, pixels: Tensor, batch: int) -> Tensor:
    """By how much the best other class's logit is above the photo's own, [N]."""
    logits, labels = photos.classifier.predict_logits(pixels, batch), photos.labels.cpu()[:, None]
    own = logits.gather(1, labels).squeeze(1)
    return logits.scatter(1, labels, -torch.inf).amax(1) - own


def _change(photos: Tensor, pixels: Tensor) -> NDArray[np.float64]:
    """In levels of 255; exactly 0 where nothing was changed."""
    return (pixels.cpu().double() - photos.cpu().double()).mul(255).numpy()
