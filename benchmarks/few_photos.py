"""`pasunchat train FOLDER` with no option, on few photos: several folders and seeds, each judged on
the photos of all other folders.

    PYTHONPATH=src python benchmarks/few_photos.py --photos 1000 --folders 5 --seeds 3 \\
        --zips ../shared/data/photos-200px-1.zip ../shared/data/photos-200px-2.zip

The base runs over each folder once; its kept features serve every seed and every judgement.
"""

import argparse
import statistics
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest

from pasunchat.classifiers.build import usual_size
from pasunchat.classifiers.files import load_files
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepared
from pasunchat.runtime import set_up_runtime
from pasunchat.training.features import features, head_of
from pasunchat.training.loop import train
from pasunchat.training.recipe import RECIPES, usual_recipe

NETWORK = "efficientnet-lite0"  # the default of `train`


def unpack(zips: Sequence[Path], folder: Path, photos: int, folders: int) -> list[Path]:
    """Class folders of the zips' photos (train/cat.0.jpg), no photo in two of them."""
    names: dict[str, list[tuple[zipfile.ZipFile, str]]] = {}
    for archive in map(zipfile.ZipFile, zips):
        for name in archive.namelist():
            if name.endswith(".jpg"):
                kind = Path(name).name.partition(".")[0]
                names.setdefault(kind, []).append((archive, name))
    made, each = [folder / str(number) for number in range(folders)], photos // len(names)
    for number, place in enumerate(made):
        for kind, found in names.items():
            (place / kind).mkdir(parents=True)
            for archive, name in found[number * each : (number + 1) * each]:
                (place / kind / Path(name).name).write_bytes(archive.read(name))
    return made


def right(head: torch.nn.Module, values: np.ndarray, labels: np.ndarray) -> int:
    with torch.inference_mode():
        answers = head.eval()(torch.from_numpy(np.array(values))).argmax(1).numpy()
    return int((answers == labels).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zips", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--folders", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=usual_size(NETWORK))
    options = parser.parse_args()
    runtime, recipe = set_up_runtime("cpu"), RECIPES[usual_recipe(NETWORK)]
    datasets: list[Dataset] = []
    values: list[np.ndarray] = []
    shares: list[float] = []
    with tempfile.TemporaryDirectory() as work:
        for source in unpack(options.zips, Path(work), options.photos, options.folders):
            datasets.append(prepared(source, size=options.size))
        models = {}
        for number, dataset in enumerate(datasets):
            for seed in range(options.seeds):
                folder = Path(work) / f"run-{number}-{seed}"
                train(dataset, replace(recipe, seed=seed), folder, runtime=runtime)
                models[number, seed] = load_files(folder)
            values.append(features(models[number, 0], dataset, runtime))
            print(f"folder {number}: trained", flush=True)
    for (number, seed), model in models.items():
        others = [k for k in range(len(datasets)) if k != number]
        count = sum(len(datasets[k].labels) for k in others)
        found = sum(right(head_of(model), values[k], datasets[k].labels) for k in others)
        low, high = binomtest(found, count).proportion_ci(method="wilson")
        shares.append(found / count)
        print(
            f"folder {number}, seed {seed}: {found} of {count}, {100 * found / count:.2f} % "
            f"[{100 * low:.1f}, {100 * high:.1f}]"
        )
    print(
        f"mean {100 * statistics.mean(shares):.2f} %, from {100 * min(shares):.2f} to "
        f"{100 * max(shares):.2f} %"
    )


if __name__ == "__main__":
    main()
