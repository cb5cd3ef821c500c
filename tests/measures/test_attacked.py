"""One attacked photo: sizes against NumPy, names that never collide, tables that come back."""

import csv
from collections.abc import Callable
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.attacks.result import Status
from pasunchat.measures.attacked import AttackedPhoto, picture_names, sizes, write_table


def test_sizes_of_a_change_worked_out_by_hand() -> None:
    change = np.zeros((3, 4, 4))
    change[0, 0, 0], change[1, 0, 0], change[2, 3, 1] = 3, -4, 12
    found = sizes(change)
    assert found.l2 == pytest.approx(13 / 255)
    assert found.l1 == pytest.approx(19 / 255)
    assert (found.levels, found.l0, found.pixels) == (12, 3, 2)


def test_no_change_has_no_size() -> None:
    found = sizes(np.zeros((3, 2, 2)))
    assert (found.l2, found.levels, found.l1, found.l0, found.pixels) == (0, 0, 0, 0, 0)


def test_what_is_enough_to_fool(make_attacked: Callable[..., AttackedPhoto]) -> None:
    assert make_attacked(distance=3.0).enough == 3.0
    assert make_attacked(distance=3.0, fooled=False).enough == inf
    assert make_attacked(distance=3.0, real="dog", fooled=False).enough == 0


def test_names_of_pictures() -> None:
    names = ("cat/7.jpg", "dog/7.png", "cat/7.png", "a b/ü?.x.gif", "CAT/7.jpg", "...jpg")
    assert picture_names(names) == ["cat_7", "dog_7", "cat_7-2", "a_b_ü_.x", "CAT_7-3", "photo"]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=120), max_size=12))
def test_names_of_pictures_are_different_and_fit_for_files(names: list[str]) -> None:
    found = picture_names(names)
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert name and "/" not in name and not name.startswith(".")
        assert len(name.encode()) <= 153
    assert picture_names(names) == found


def test_the_table_holds_every_photo_as_it_is(
    make_attacked: Callable[..., AttackedPhoto], tmp_path: Path
) -> None:
    photos = [
        make_attacked(row=3, name='odd, "name".jpg', l2=0.1 + 0.2),
        make_attacked(row=4, status=Status.NOT_REACHED, fooled=False),
    ]
    assert write_table(tmp_path, photos)[0] == tmp_path / "photos.csv"
    with (tmp_path / "photos.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["name"] == 'odd, "name".jpg' and float(first["l2"]) == 0.1 + 0.2
    assert (first["status"], second["status"]) == ("reached", "not_reached")
    assert (first["fooled"], second["fooled"]) == ("True", "False")


def test_the_table_in_parquet(make_attacked: Callable[..., AttackedPhoto], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    photos = [make_attacked(row=3), make_attacked(row=4, l2=0.3)]
    assert [file.name for file in write_table(tmp_path, photos)] == [
        "photos.csv", "photos.parquet",
    ]  # fmt: skip
    rows = parquet.read_table(tmp_path / "photos.parquet").to_pylist()
    assert [AttackedPhoto(**{**row, "status": Status(row["status"])}) for row in rows] == photos
