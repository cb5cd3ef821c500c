import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pasunchat.errors import PasunchatError
from pasunchat.photos.layouts import arrange, tree_of
from pasunchat.photos.sources import Listing, opened

Fill = Callable[..., Path]


def listing(source: Path | str) -> Listing:
    with opened([source]) as found:
        return found[0]


def places(paths: list[str]) -> dict[str, str]:
    """path -> "class" or "class split", of those that have a place."""
    arranged = arrange(tree_of(paths))
    return {
        p: " ".join(filter(None, place)) for p, place in (arranged[1] if arranged else {}).items()
    }


CLASSES = ["cat/1.jpg", "cat/deep/er/2.jpg", "dog/1.jpg"]
LAID_OUT: dict[str, tuple[list[str], dict[str, str]]] = {
    "class folders, also nested": (
        CLASSES,
        {"cat/1.jpg": "cat", "cat/deep/er/2.jpg": "cat", "dog/1.jpg": "dog"},
    ),
    "class folders below lone folders, beside papers": (
        ["readme.txt", "Pets/Images/Cat/1.jpg", "Pets/Images/Dog/1.jpg"],
        {"Pets/Images/Cat/1.jpg": "Cat", "Pets/Images/Dog/1.jpg": "Dog"},
    ),
    "already split, by every name": (
        ["training/cat/1", "training/dog/1", "val/cat/1", "valid/dog/1", "Test/dog/1",
         "testing/cat/1"],
        {
            "training/cat/1": "cat train", "training/dog/1": "dog train",
            "val/cat/1": "cat validation", "valid/dog/1": "dog validation",
            "Test/dog/1": "dog test", "testing/cat/1": "cat test",
        },
    ),
    "split below a lone folder": (
        ["set/train/cat/1", "set/train/dog/1", "set/validation/cat/1", "set/make.py"],
        {
            "set/train/cat/1": "cat train", "set/train/dog/1": "dog train",
            "set/validation/cat/1": "cat validation",
        },
    ),
    "flat": (["cat.0.jpg", "dog.0.jpg", "notes.txt"], {"cat.0.jpg": "cat", "dog.0.jpg": "dog"}),
    "flat beside a folder": (
        ["cat.0.jpg", "dog.0.jpg", "more/1.jpg"], {"cat.0.jpg": "cat", "dog.0.jpg": "dog"}
    ),
    "flat names win over a lone folder": (
        ["train/cat.0.jpg", "train/dog.0.jpg"],
        {"train/cat.0.jpg": "cat train", "train/dog.0.jpg": "dog train"},
    ),
    "flat names in a lone folder of another name": (
        ["photos/cat.0.jpg", "photos/dog.0.jpg"],
        {"photos/cat.0.jpg": "cat", "photos/dog.0.jpg": "dog"},
    ),
    "Kaggle's: flat training photos, a test without classes": (
        ["train/train/cat.0.jpg", "train/train/dog.0.jpg", "test1/test1/1.jpg", "sample.csv"],
        {"train/train/cat.0.jpg": "cat train", "train/train/dog.0.jpg": "dog train"},
    ),
    "a test folder without classes": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg"],
        {"train/cat/1.jpg": "cat train", "train/dog/1.jpg": "dog train"},
    ),
    "a class called train": (
        ["train/1.jpg", "plane/1.jpg", "car/1.jpg"],
        {"train/1.jpg": "train", "plane/1.jpg": "plane", "car/1.jpg": "car"},
    ),
    "class folders with names of the flat kind": (
        ["cat/cat.1.jpg", "dog/dog.1.jpg"], {"cat/cat.1.jpg": "cat", "dog/dog.1.jpg": "dog"}
    ),
    "splits of longer names, twice over": (
        ["training_set/training_set/cat/1", "training_set/training_set/dog/1",
         "test_set/test_set/cat/1", "test_set/test_set/dog/1"],
        {
            "training_set/training_set/cat/1": "cat train",
            "training_set/training_set/dog/1": "dog train",
            "test_set/test_set/cat/1": "cat test", "test_set/test_set/dog/1": "dog test",
        },
    ),
    "splits of longer names, beside photos without classes": (
        ["seg_train/a/1", "seg_train/b/1", "seg_test/a/1", "seg_test/b/1", "seg_pred/1"],
        {
            "seg_train/a/1": "a train", "seg_train/b/1": "b train",
            "seg_test/a/1": "a test", "seg_test/b/1": "b test",
        },
    ),
    "splits of longer names, in other spellings": (
        ["TrainImages/a/1", "TrainImages/b/1", "valset/a/1", "valset/b/1", "My Test/a/1",
         "My Test/b/1"],
        {
            "TrainImages/a/1": "a train", "TrainImages/b/1": "b train",
            "valset/a/1": "a validation", "valset/b/1": "b validation",
            "My Test/a/1": "a test", "My Test/b/1": "b test",
        },
    ),
    "train and eval": (
        ["train/a/1", "train/b/1", "eval/a/1", "eval/b/1"],
        {"train/a/1": "a train", "train/b/1": "b train",
         "eval/a/1": "a test", "eval/b/1": "b test"},
    ),
    "classes that have a split's word in their names": (
        ["bullet_train/1", "freight_train/1", "test_tube/1"],
        {"bullet_train/1": "bullet_train", "freight_train/1": "freight_train",
         "test_tube/1": "test_tube"},
    ),
    "such a class with folders of its own": (
        ["bullet_train/day/1", "bullet_train/night/1", "bus/1"],
        {"bullet_train/day/1": "bullet_train", "bullet_train/night/1": "bullet_train",
         "bus/1": "bus"},
    ),
    "class folders in a lone folder with a split's word in its name": (
        ["my test photos/cat/1", "my test photos/dog/1"],
        {"my test photos/cat/1": "cat", "my test photos/dog/1": "dog"},
    ),
    "splits inside class folders": (
        ["cat/train/1", "cat/test/1", "dog/train/1", "dog/test/1"],
        {"cat/train/1": "cat train", "cat/test/1": "cat test", "dog/train/1": "dog train",
         "dog/test/1": "dog test"},
    ),
    "class folders with one inner folder of the same name": (
        ["cat/images/1", "dog/images/1"], {"cat/images/1": "cat", "dog/images/1": "dog"}
    ),
    "one class": (["photos/cat/1.jpg"], {"photos/cat/1.jpg": "cat"}),
    "no layout": (["1.jpg", "2.jpg"], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAID_OUT)
def test_layouts(name: str) -> None:
    paths, wanted = LAID_OUT[name]
    assert places(paths) == wanted


def test_folders_that_hold_the_same_classes_and_are_no_splits_are_refused(
    tmp_path: Path, fill: Fill
) -> None:
    names = [f"{top}/{kind}/1.jpg" for top in ("mine", "yours") for kind in ("cat", "dog")]
    source = fill(tmp_path / "photos", names)
    with pytest.raises(PasunchatError, match=r"photos: .*mine and yours both hold .*cat and dog"):
        listing(source)
    with opened([source / "mine", source / "yours"]) as found:
        assert {entry.class_name for each in found for entry in each.entries} == {"cat", "dog"}


def test_a_folder_is_read_where_it_lies(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "photos", CLASSES)
    found = listing(tmp_path / "photos")
    assert found.layout == "class folders"
    assert [entry.name for entry in found.entries] == CLASSES
    assert found.entries[0].read() == (tmp_path / "photos" / "cat" / "1.jpg").read_bytes()


def test_hidden_names_are_passed_over_and_counted(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, [*CLASSES, ".git/a/b.jpg", "cat/.DS_Store", "__MACOSX/cat/1.jpg", "notes.txt"])
    found = listing(tmp_path)
    assert len(found.entries) == 3
    assert {item.name: item.reason for item in found.skipped} == {
        ".git": "hidden", "__MACOSX": "hidden", "cat/.DS_Store": "hidden", "notes.txt": "no-class"
    }  # fmt: skip
    with opened([zip_of(tmp_path, tmp_path.parent / "a.zip")]) as (zipped,):
        assert [(i.name, i.reason) for i in zipped.skipped] == [
            (i.name, i.reason) for i in found.skipped
        ]
        assert [entry.name for entry in zipped.entries] == CLASSES


def zip_of(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            zipped.write(path, path.relative_to(folder).as_posix())
    return archive


def test_a_zip_in_a_zip(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "a", ["train/cat.0.jpg", "train/dog.0.jpg"])
    fill(tmp_path / "b", ["test1/1.jpg"])
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.write(zip_of(tmp_path / "a", tmp_path / "a.zip"), "train.zip")
        outer.write(zip_of(tmp_path / "b", tmp_path / "b.zip"), "test1.zip")
        outer.writestr("sampleSubmission.csv", "id,label\n")
    with opened([tmp_path / "all.zip"]) as (found,):
        cat, dog = found.entries
        assert (cat.class_name, cat.split, cat.name) == ("cat", "train", "train/train/cat.0.jpg")
        assert dog.read() == (tmp_path / "a" / "train" / "dog.0.jpg").read_bytes()
        assert [item.name for item in found.skipped] == [
            "sampleSubmission.csv",
            "test1/test1/1.jpg",
        ]


def test_a_zip_made_on_windows(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("cat/1.jpg", "dog/1.jpg"):
            member = zipfile.ZipInfo(name)
            member.filename = name.replace("/", "\\")  # as some programs write it
            zipped.writestr(member, b"x")
    assert [entry.name for entry in listing(archive).entries] == ["cat/1.jpg", "dog/1.jpg"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links on this system")
def test_links_are_followed_but_not_in_circles(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "real", ["1.jpg"])
    fill(tmp_path / "photos", ["cat/1.jpg"])
    (tmp_path / "photos" / "dog").symlink_to(tmp_path / "real")
    (tmp_path / "photos" / "cat" / "up").symlink_to(tmp_path / "photos")
    assert [entry.name for entry in listing(tmp_path / "photos").entries] == [
        "cat/1.jpg",
        "dog/1.jpg",
    ]


def test_a_broken_link_is_a_file_that_cannot_be_read(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, CLASSES)
    (tmp_path / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    entry = next(e for e in listing(tmp_path).entries if e.name == "cat/gone.jpg")
    with pytest.raises(OSError, match="broken link"):
        entry.read()


def test_drawn_photos() -> None:
    found = listing("drawn:count=6,size=32,seed=1")
    assert [entry.class_name for entry in found.entries] == ["cat"] * 3 + ["dog"] * 3
    data = [entry.read() for entry in found.entries]
    assert len(set(data)) == 6
    assert Image.open(io.BytesIO(data[0])).size == (32, 32)
    assert len(listing("drawn").entries) == 2000


def empty(path: Path) -> Path:
    path.mkdir()
    return path


def a_file(path: Path) -> Path:
    path.write_text("no zip")
    return path


def bad_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.jpg", b"x" * 99)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at : at + 4] = b"PKxx"
    path.write_bytes(data)
    return path


def no_layout(path: Path) -> Path:
    path.mkdir()
    for index in range(3):
        (path / f"{index}.jpg").write_bytes(b"x")
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path | str], str]] = {
    "nothing there": (lambda path: path, "no source at .*: expected a folder, a zip"),
    "a file that is no zip": (a_file, "neither a folder nor a zip"),
    "a damaged zip": (bad_zip, "damaged or locked zip"),
    "an empty folder": (empty, "holds no photos; expected one subfolder a class"),
    "no layout": (no_layout, "its 3 files lie in no class folder .*; expected one subfolder"),
    "an unknown setting": (lambda _: "drawn:colour=2", "drawn has no setting"),
    "a wrong setting": (lambda _: "drawn:count=1", "count is at least 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(PasunchatError, match=message) as caught:
        listing(make(tmp_path / "source"))
    assert "\n" not in str(caught.value)


def test_a_source_given_twice(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, CLASSES)
    with pytest.raises(PasunchatError, match="given twice"), opened([tmp_path, str(tmp_path)]):
        pass
