"""Decoding JPEGs near their size ("fast") against decoding them whole ("exact"): by how many levels
pixels move, and how many answers of the shipped classifiers change.

    PYTHONPATH=src python benchmarks/decode.py --photos-zip ../shared/data/photos-original.zip
"""

import argparse
import io
import os
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from pasunchat.classifiers.load import load
from pasunchat.classifiers.shipped import SHIPPED
from pasunchat.photos.image import decode_photo, near_size

SIZES = (16, 32, 64, 96, 128, 160, 224, 320)


def both(data: bytes, size: int) -> tuple[int, np.ndarray, np.ndarray]:
    """By how much the file was reduced in decoding (1: not at all), and its pixels both ways."""
    whole = decode_photo(data)
    near = decode_photo(data, near=near_size(size, "pad", "fast"))
    reduction = round(max(whole.picture.size) / max(near.picture.size))
    return reduction, whole.square(size, "pad"), near.square(size, "pad")


def levels(photos: list[bytes]) -> None:
    print("| side | reduced to | photos | mean | half under | worst photo | worst pixel |")
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        gaps: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for data in photos:
            reduction, exact, fast = both(data, size)
            gap = np.abs(exact.astype(int) - fast)
            gaps[reduction].append((float(gap.mean()), int(gap.max())))
        for reduction, found in sorted(gaps.items()):
            if reduction > 1:
                means, worst = zip(*found, strict=True)
                print(
                    f"| {size} | 1/{reduction} | {len(found)} | {np.mean(means):.2f} | "
                    f"{np.median(means):.2f} | {max(means):.2f} | {max(worst)} |"
                )


def answers(photos: list[bytes]) -> None:
    for name in SHIPPED:
        classifier = load(name)
        assert classifier.size is not None
        pairs = [both(data, classifier.size) for data in photos]
        exact, fast = (
            classifier.probabilities(np.stack([pair[side] for pair in pairs])) for side in (1, 2)
        )
        moved = np.abs(exact - fast).max(1)
        other = int((exact.argmax(1) != fast.argmax(1)).sum())
        print(
            f"{name} at {classifier.size}: {sum(pair[0] > 1 for pair in pairs)} of {len(pairs)} "
            f"photos reduced, {other} answers change, a probability by up to {moved.max():.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos-zip", type=Path, default=_default_zip())
    options = parser.parse_args()
    with zipfile.ZipFile(options.photos_zip) as archive:
        photos = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    sides = [max(Image.open(io.BytesIO(data)).size) for data in photos]
    print(f"{len(photos)} photos, longer side {min(sides)} to {max(sides)} pixels")
    levels(photos)
    answers(photos)


def _default_zip() -> Path:
    return Path(os.environ.get("PASUNCHAT_PHOTOS", "../shared/data")) / "photos-original.zip"


if __name__ == "__main__":
    main()
