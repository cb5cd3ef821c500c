"""How many photos a second classifiers read, side by side on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent

MOST_PHOTOS, PASSES, WARM_UP = 256, 3, 64


@dataclass(frozen=True)
class Timing:
    """Speeds that were measured, not computed: the next time they are others.

    photos: read in one pass. photos_per_second: by the classifier's name, the median of the
    passes; from numbers in memory to logits, without reading files.
    """

    device: str
    threads: int
    photos: int
    passes: int
    photos_per_second: dict[str, float]


def time_classifiers(
    classifiers: Mapping[str, Classifier],
    data: Dataset | Mapping[str, Dataset],
    split: str = "test",
    progress: Progress = silent,
) -> Timing:
    """Let each read up to 256 photos of a split three times, taking turns, so that what else the
    machine does meets them all. data: one dataset for all, or one under each name."""
    datasets = dict.fromkeys(classifiers, data) if isinstance(data, Dataset) else data
    images = {name: _images(datasets[name], split) for name in classifiers}
    for name, classifier in classifiers.items():
        classifier.logits(images[name][:WARM_UP])
    seconds: dict[str, list[float]] = {name: [] for name in classifiers}
    turns = [(name, classifier) for _ in range(PASSES) for name, classifier in classifiers.items()]
    for done, (name, classifier) in enumerate(turns, start=1):
        started = perf_counter()
        classifier.logits(images[name])
        seconds[name].append(perf_counter() - started)
        progress(done, len(turns))
    return Timing(
        device=str(next(iter(classifiers.values())).mean.device),
        threads=torch.get_num_threads(),
        photos=len(next(iter(images.values()))),
        passes=PASSES,
        photos_per_second={
            name: len(images[name]) / median(taken) for name, taken in seconds.items()
        },
    )


def _images(dataset: Dataset, split: str) -> NDArray[np.uint8]:
    """Some photos of a split, in memory."""
    return dataset.pixels[dataset.rows(split)[:MOST_PHOTOS]]
