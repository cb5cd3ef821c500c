"""The same photos for several classifiers, whatever size and framing each of them wants."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import dataset_or_prepared
from pasunchat.progress import Progress, silent

SIZE = 224  # for a classifier that takes any
Key = tuple[str, str, str, str]


def datasets_for(
    classifiers: Mapping[str, Classifier],
    data: Sequence[str | Path],
    progress: Progress = silent,
) -> dict[str, Dataset]:
    """A dataset for each classifier, under its name.

    data: a dataset, which must fit them all; or sources, which are prepared into the cache once
    for each size, framing and decode wanted. The split depends on content and seed alone, so it
    is the same for all. Raises PasunchatError naming the classifier that does not fit.
    """
    wanted = {name: (c.size or SIZE, c.framing, c.decode) for name, c in classifiers.items()}
    made = {
        (size, framing, decode): dataset_or_prepared(
            data, usual_size=size, framing=framing, decode=decode, progress=progress
        )
        for size, framing, decode in dict.fromkeys(wanted.values())
    }
    datasets = {name: made[settings] for name, settings in wanted.items()}
    check_all_fit(classifiers, datasets)
    return datasets


def check_all_fit(classifiers: Mapping[str, Classifier], datasets: Mapping[str, Dataset]) -> None:
    """Raise PasunchatError naming a classifier whose dataset has other classes, size or framing."""
    for name, classifier in classifiers.items():
        dataset = datasets[name]
        try:
            check_fit(classifier, dataset)
        except PasunchatError as error:
            fits = classifier.size in (None, dataset.size)
            fits = fits and classifier.framing == dataset.framing
            way = (
                "; or give the photos themselves as DATA: then each model has its size and framing"
            )
            raise PasunchatError(f"{name}: {error}{'' if fits else way}") from error


def shared_rows(datasets: Mapping[str, Dataset], split: str) -> dict[str, NDArray[np.int64]]:
    """Under each name, the rows of its dataset that show the same photos, in the same order.

    A photo is the same if source, name, class and file are, and shared if it lies in this split
    of every dataset. Raises PasunchatError if none does.
    """
    first = next(iter(datasets.values()))
    rows = first.rows(split)
    if all(dataset.digest == first.digest for dataset in datasets.values()):
        shared = dict.fromkeys(datasets, rows)
    else:
        places = {name: _places(dataset, split) for name, dataset in datasets.items()}
        keys = [key for key in _places(first, split) if all(key in p for p in places.values())]
        shared = {name: np.array([p[k] for k in keys], np.int64) for name, p in places.items()}
    if not len(shared[next(iter(datasets))]):
        folders = ", ".join(dict.fromkeys(str(dataset.folder) for dataset in datasets.values()))
        raise PasunchatError(f'no photo is in the split "{split}" of {folders}')
    return shared


def _places(dataset: Dataset, split: str) -> dict[Key, int]:
    """Source, name, class and SHA-256 of each photo of the split -> its row."""
    with (dataset.folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        keys = [
            (line["source"], line["name"], line["class"], line["sha256"])
            for line in csv.DictReader(file)
        ]
    return {keys[row]: int(row) for row in dataset.rows(split)}
