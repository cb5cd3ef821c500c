"""The networks that are attacked, and photos that each of them classifies correctly.

A folder holds `networks.json` (name -> model) and for each network `photos-NAME.npy`, uint8
[N, size, size, 3], and `labels-NAME.npy`, int64 [N], the classes in turn, so that the first rows
are balanced, however many; `names-NAME.json` says which photos they are.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.files import save
from pasunchat.photos.image import decode_photo
from pasunchat.photos.sources import Entry, opened

NETWORKS = "networks.json"


class Chosen(NamedTuple):
    """A network with its photos."""

    classifier: Classifier
    pixels: Tensor  # float [N, 3, H, W] in [0, 1]
    labels: Tensor  # int64 [N]


def choose(
    folder: Path, models: Mapping[str, str], source: str, most: int, first: Mapping[str, set[str]]
) -> None:
    """Choose photos for each network and write them.

    source: a folder or zip with the class in each name. most: how many photos a network gets.
    first: for a network, the names of photos that come before the others (those it has not learnt).
    """
    folder.mkdir(parents=True, exist_ok=True)
    with opened([source]) as listings:
        entries = [entry for listing in listings for entry in listing.entries]
        for name, model in models.items():
            early = first.get(name, set())
            ordered = sorted(entries, key=lambda entry: Path(entry.name).name not in early)
            print(f"{name}: {_choose(folder, name, pasunchat.load(model), ordered, most)}")
    _enter(folder, models)


def add(folder: Path, name: str, classifier: Classifier, images: np.ndarray) -> None:
    """Write a network into the folder with all of these photos, uint8 [N, size, size, 3]. Their
    labels are what it predicts."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    save(classifier, place)
    enter(folder, name, str(place.resolve()), classifier, images)


def enter(folder: Path, name: str, model: str, classifier: Classifier, images: np.ndarray) -> None:
    """As `add`, of a network that lies elsewhere. model: what `pasunchat.load` takes."""
    np.save(folder / f"photos-{name}.npy", images)
    np.save(
        folder / f"labels-{name}.npy",
        classifier.predict_logits(as_pixels(images), 1).argmax(1).numpy(),
    )
    _enter(folder, {name: model})


def _enter(folder: Path, models: Mapping[str, str]) -> None:
    before = names(folder) if (folder / NETWORKS).exists() else {}
    (folder / NETWORKS).write_text(json.dumps({**before, **models}, indent=1))


def _choose(
    folder: Path, name: str, classifier: Classifier, entries: Sequence[Entry], most: int
) -> str:
    """Write one network's photos: the first it classifies correctly, the classes in turn."""
    images = np.stack([_square(classifier, entry) for entry in entries])
    # by place, not by name: a Keras file does not say what its classes are called
    classes = sorted({entry.class_name for entry in entries})
    labels = np.array([classes.index(entry.class_name) for entry in entries])
    right = classifier.predict_logits(as_pixels(images), batch=1).argmax(1).numpy() == labels
    rows = _in_turn(labels, right, most)
    np.save(folder / f"photos-{name}.npy", images[rows])
    np.save(folder / f"labels-{name}.npy", labels[rows])
    taken = [entries[row].name for row in rows]
    (folder / f"names-{name}.json").write_text(json.dumps(taken, indent=1))
    return f"{right.sum()} of {len(right)} are classified correctly, {len(rows)} taken"


def _square(classifier: Classifier, entry: Entry) -> np.ndarray:
    assert classifier.size
    return decode_photo(entry.read()).square(classifier.size, classifier.framing)


def _in_turn(labels: np.ndarray, right: np.ndarray, most: int) -> Sequence[int]:
    """Rows that are right, the classes in turn, the same number of each."""
    of_class = [np.flatnonzero(right & (labels == label)) for label in np.unique(labels)]
    each = min(most // len(of_class), *(len(rows) for rows in of_class))
    return [int(row) for place in range(each) for row in (rows[place] for rows in of_class)]


def chosen(folder: Path, name: str, first: int, count: int, device: str = "cpu") -> Chosen:
    """A network and some of its photos."""
    classifier = _loaded(names(folder)[name], device)
    photos = np.load(folder / f"photos-{name}.npy", mmap_mode="r")[first : first + count]
    labels = np.load(folder / f"labels-{name}.npy")[first : first + count]
    return Chosen(classifier, as_pixels(photos, device), torch.from_numpy(labels).long().to(device))


def names(folder: Path) -> dict[str, str]:
    """The networks of a folder: name -> model."""
    found: dict[str, str] = json.loads((folder / NETWORKS).read_text())
    return found


@cache
def _loaded(model: str, device: str) -> Classifier:
    return pasunchat.load(model).to(device).eval()


def how_many(folder: Path, name: str) -> int:
    """How many photos a network has."""
    return len(np.load(folder / f"labels-{name}.npy", mmap_mode="r"))
