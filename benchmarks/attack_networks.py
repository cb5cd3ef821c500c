"""The networks that are attacked, and photos that each reads rightly.

A folder holds `networks.json` (name -> model) and for each network `photos-NAME.npy`, uint8
[N, size, size, 3], and `labels-NAME.npy`, int64 [N], classes in turn, so that any first rows are
balanced; `names-NAME.json` says which photos they are.
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
    """A network with its photos: pixels, float [N, 3, H, W] in [0, 1], and labels, int64 [N]."""

    classifier: Classifier
    pixels: Tensor
    labels: Tensor


def choose(
    folder: Path, models: Mapping[str, str], source: str, most: int, first: Mapping[str, set[str]]
) -> None:
    """Choose photos for each network and write them.

    source: a folder or zip with a class in each name. most: of a network. first: for a network,
    the names of photos that are to come before the others (those it has not learnt).
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
    """Write a network into the folder with these photos, uint8 [N, size, size, 3], all of them
    read rightly: their labels are what it says."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    save(classifier, place)
    np.save(folder / f"photos-{name}.npy", images)
    np.save(
        folder / f"labels-{name}.npy",
        classifier.predict_logits(as_pixels(images), 1).argmax(1).numpy(),
    )
    _enter(folder, {name: str(place.resolve())})


def _enter(folder: Path, models: Mapping[str, str]) -> None:
    before = names(folder) if (folder / NETWORKS).exists() else {}
    (folder / NETWORKS).write_text(json.dumps({**before, **models}, indent=1))


def _choose(
    folder: Path, name: str, classifier: Classifier, entries: Sequence[Entry], most: int
) -> str:
    """The first photos that are read rightly, the classes in turn, written for one network."""
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
    return f"{right.sum()} of {len(right)} are read rightly, {len(rows)} taken"


def _square(classifier: Classifier, entry: Entry) -> np.ndarray:
    assert classifier.size
    return decode_photo(entry.read()).square(classifier.size, classifier.framing)


def _in_turn(labels: np.ndarray, right: np.ndarray, most: int) -> Sequence[int]:
    """Rows that are right, the classes in turn, as many of each."""
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
