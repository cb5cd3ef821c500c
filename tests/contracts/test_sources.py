"""What holds of every row of SOURCES."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.photos.sources import SOURCES, kind_of, opened
from pasunchat.photos.splitting import SPLITS


def folder(place: Path) -> str:
    for number, name in enumerate(("cat/a.png", "cat/b.png", "dog/a.png", ".hidden/a.png")):
        path = place / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return str(place / "photos")


def zipped(place: Path) -> str:
    with zipfile.ZipFile(place / "photos.zip", "w") as archive:
        for number, name in enumerate(("train/cat.0.png", "train/dog.0.png", "train/dog.1.png")):
            archive.writestr(name, png(number))
    return str(place / "photos.zip")


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(file, "PNG")
    return file.getvalue()


EXAMPLES: dict[str, Callable[[Path], str]] = {
    "folder": folder,
    "zip": zipped,
    "drawn": lambda _: "drawn:count=4,size=24",
}


def test_every_source_has_an_example() -> None:
    assert EXAMPLES.keys() == SOURCES.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_source(kind: str, tmp_path: Path) -> None:
    source = EXAMPLES[kind](tmp_path)
    assert kind_of(source) == kind
    with opened([source]) as (first,), opened([source]) as (again,):
        assert first.source == source
        names = [entry.name for entry in first.entries]
        assert names == sorted(set(names)) == [entry.name for entry in again.entries]
        assert {entry.class_name for entry in first.entries} == {"cat", "dog"}
        for entry, same in zip(first.entries, again.entries, strict=True):
            assert "\\" not in entry.name
            assert not entry.name.startswith("/")
            assert entry.split in (None, *SPLITS)
            assert entry.stamp == same.stamp
            assert entry.read() == entry.read() == same.read()
            assert Image.open(io.BytesIO(entry.read())).size
        for item in first.skipped:
            assert item.reason
            assert item.sentence
