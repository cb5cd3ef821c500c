"""Preparing photos: our `prepare`, fast and exact, against the loop that everybody writes.

    PYTHONPATH=src python benchmarks/prepare.py --photos-zip ../shared/data/photos-original.zip

One run, alternating rounds, medians. Both sides hash each file and its pixels and write a NumPy
file and a CSV manifest. Each file is unique: a few bytes are appended after the JPEG's end.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from pasunchat.photos.dataset import open_dataset
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import cores

SIZE = 224
BARS = {"fast": 2.4, "exact": 2.2}
MOST_DIFFERENCE = {"fast": 1.2, "exact": 0.0}


def plain(source: Path, output: Path) -> None:
    """One process, one thread, Pillow and NumPy, as one writes it without much thought."""
    output.mkdir()
    rows, lines = [], []
    for path in sorted(source.glob("*/*.jpg")):
        data = path.read_bytes()
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        scale = SIZE / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BICUBIC)
        top, left = (SIZE - height) // 2, (SIZE - width) // 2
        pixels = np.pad(
            np.asarray(image),
            ((top, SIZE - height - top), (left, SIZE - width - left), (0, 0)),
            mode="edge",
        )
        digests = hashlib.sha256(data).hexdigest(), hashlib.sha256(pixels.tobytes()).hexdigest()
        rows.append(pixels)
        lines.append((path.parent.name, path.name, *digests, len(data)))
    np.save(output / "pixels.npy", np.stack(rows))
    with (output / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def ours_fast(source: Path, output: Path) -> None:
    prepare([source], output, size=SIZE, decode="fast")


def ours_exact(source: Path, output: Path) -> None:
    prepare([source], output, size=SIZE, decode="exact")


CONTESTANTS: dict[str, Callable[[Path, Path], None]] = {
    "plain": plain,
    "fast": ours_fast,
    "exact": ours_exact,
}


def unpack_repeated(archive: Path, folder: Path, count: int) -> None:
    """`count` files from the zip's photos, in class folders, no two alike."""
    with zipfile.ZipFile(archive) as zipped:
        names = sorted(name for name in zipped.namelist() if name.endswith(".jpg"))
        photos = {name: zipped.read(name) for name in names}
    for index in range(count):
        name = names[index % len(names)]
        path = folder / Path(name).parent.name / f"{index:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photos[name] + index.to_bytes(4, "little"))


def measure(source: Path, work: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round; the order turns from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for turn in range(rounds):
        names = list(CONTESTANTS)[turn % 3 :] + list(CONTESTANTS)[: turn % 3]
        for name in names:
            output = work / name
            shutil.rmtree(output, ignore_errors=True)
            os.sync()  # the last contestant's writing is not this one's burden
            start = time.perf_counter()
            CONTESTANTS[name](source, output)
            seconds[name].append(time.perf_counter() - start)
            print(f"round {turn + 1} {name}: {seconds[name][-1]:.2f} s", flush=True)
    return seconds


def difference(work: Path, name: str) -> float:
    """Mean absolute difference from the plain loop's pixels, in levels of 0 to 255."""
    theirs = np.load(work / "plain" / "pixels.npy", mmap_mode="r")
    ours = open_dataset(work / name).pixels
    gaps = [np.abs(ours[row].astype(np.int16) - theirs[row]).mean() for row in range(len(theirs))]
    return float(np.mean(gaps))


def report(seconds: dict[str, list[float]], differences: dict[str, float], photos: int) -> dict:
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "photos": photos,
        "cores": cores(),
        "machine": platform.platform(),
        "pillow": PIL.__version__,
        "seconds": seconds,
        "photos_per_second": {name: photos / median for name, median in medians.items()},
        "ratio_to_plain": {name: medians["plain"] / medians[name] for name in BARS},
        "mean_difference": differences,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos-zip", type=Path, default=_default_zip())
    parser.add_argument("--photos", type=int, default=3200, help="how many files")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        unpack_repeated(options.photos_zip, work / "source", options.photos)
        seconds = measure(work / "source", work, options.rounds)
        differences = {name: difference(work, name) for name in BARS}
    figures = report(seconds, differences, options.photos)
    for name, rate in figures["photos_per_second"].items():
        print(f"{name:6} {rate:7.0f} photos/s")
    for name, bar in BARS.items():
        ratio, gap = figures["ratio_to_plain"][name], differences[name]
        good = ratio >= bar and gap <= MOST_DIFFERENCE[name]
        print(
            f"{name:6} {ratio:.2f}x the plain loop (bar {bar}), mean difference {gap:.3f} levels "
            f"(at most {MOST_DIFFERENCE[name]}): {'holds' if good else 'DOES NOT HOLD'}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _default_zip() -> Path:
    return Path(os.environ.get("PASUNCHAT_PHOTOS", "../shared/data")) / "photos-original.zip"


if __name__ == "__main__":
    main()
