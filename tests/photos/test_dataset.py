import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import SPLITS, Dataset, is_dataset, open_dataset
from pasunchat.photos.prepare import prepare


@pytest.fixture
def dataset(photos: Path, tmp_path: Path) -> Dataset:
    return prepare([photos], tmp_path / "data", size=16)


def test_what_a_dataset_holds(dataset: Dataset) -> None:
    assert dataset.classes == ("cat", "dog")
    assert (dataset.size, dataset.framing, dataset.decode) == (16, "pad", "exact")
    assert dataset.pixels.shape == (40, 16, 16, 3)
    assert dataset.pixels.dtype == dataset.split.dtype == np.uint8
    assert isinstance(dataset.pixels, np.memmap)
    assert not dataset.pixels.flags.writeable
    assert dataset.labels.dtype == np.int64
    assert dataset.names[0] == "cat/0.jpg"
    assert len(dataset.digest) == 64


def test_rows_of_each_split(dataset: Dataset) -> None:
    parts = [dataset.rows(split) for split in SPLITS]
    assert sorted(np.concatenate(parts)) == list(range(40)) == list(dataset.rows("all"))
    for split, rows in zip(SPLITS, parts, strict=True):
        assert rows.dtype == np.int64
        assert len(rows) == sum(sides[split] for sides in dataset.counts.photos.values())
    with pytest.raises(PasunchatError, match='unknown split "valid"'):
        dataset.rows("valid")


def test_a_stranger_can_read_it(dataset: Dataset) -> None:
    folder = dataset.folder
    assert np.array_equal(np.load(folder / "pixels.npy"), dataset.pixels)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "index", "class", "split", "name", "source", "sha256", "width", "height", "bytes"
    ]  # fmt: skip
    for row, label, code in zip(rows, dataset.labels, dataset.split, strict=True):
        assert row["class"] == dataset.classes[label]
        assert row["split"] == SPLITS[code]
        assert (row["width"], row["height"]) == ("24", "18")
    assert json.loads((folder / "dataset.json").read_text())["digest"] == dataset.digest


def test_no_dataset(tmp_path: Path) -> None:
    assert not is_dataset(tmp_path)
    assert not is_dataset(tmp_path / "none")
    with pytest.raises(PasunchatError, match=r"no dataset at .* pasunchat prepare"):
        open_dataset(tmp_path)


def cut_pixels(folder: Path) -> None:
    data = (folder / "pixels.npy").read_bytes()
    (folder / "pixels.npy").write_bytes(data[:-1])


def fewer_labels(folder: Path) -> None:
    np.save(folder / "labels.npy", np.load(folder / "labels.npy")[:-1])


def other_labels(folder: Path) -> None:
    np.save(folder / "labels.npy", np.zeros(40, np.int64))


def other_kind(folder: Path) -> None:
    np.save(folder / "split.npy", np.load(folder / "split.npy").astype(np.int64))


def no_manifest(folder: Path) -> None:
    (folder / "manifest.csv").unlink()


def no_columns(folder: Path) -> None:
    (folder / "manifest.csv").write_text("a,b\n1,2\n")


def pickled(folder: Path) -> None:
    np.save(folder / "labels.npy", np.array([{}], object), allow_pickle=True)


def other_facts(folder: Path) -> None:
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text.replace('"pad"', '"stretch"'))


@pytest.mark.parametrize(
    "damage",
    [
        cut_pixels,
        fewer_labels,
        other_labels,
        other_kind,
        no_manifest,
        no_columns,
        pickled,
        other_facts,
    ],
)
def test_damage_is_found(damage: Callable[[Path], None], dataset: Dataset) -> None:
    damage(dataset.folder)
    with pytest.raises(PasunchatError, match="damaged"):
        open_dataset(dataset.folder)


def test_another_format_is_named(dataset: Dataset) -> None:
    facts = dataset.folder / "dataset.json"
    facts.write_text(facts.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(PasunchatError, match="format 2, expected 1; prepare it again"):
        open_dataset(dataset.folder)
