import csv
import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import open_dataset
from pasunchat.photos.image import read_photo
from pasunchat.photos.prepare import dataset_or_prepared, in_order, prepare, prepared
from pasunchat.photos.splitting import SPLITS

Fill = Callable[..., Path]


def stamped(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }


def sides(dataset) -> dict[str, str]:
    return {name: SPLITS[code] for name, code in zip(dataset.names, dataset.split, strict=True)}


@pytest.mark.parametrize("decode", ["fast", "exact"])
@pytest.mark.parametrize("framing", ["pad", "crop", "squash"])
def test_rows_are_what_read_photo_gives(
    photos: Path, tmp_path: Path, framing: str, decode: str
) -> None:
    dataset = prepare([photos], tmp_path / "data", size=10, framing=framing, decode=decode)
    for name, pixels in zip(dataset.names, dataset.pixels, strict=True):
        assert np.array_equal(pixels, read_photo(photos / name, 10, framing, decode))


def test_progress_counts_every_file(photos: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare([photos], tmp_path / "data", size=8, progress=lambda *now: seen.append(now))
    assert seen == [(done, 40) for done in range(41)]


def test_the_source_is_only_read(photos: Path, tmp_path: Path) -> None:
    for path in [*photos.rglob("*"), photos]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = stamped(photos)
    prepare([photos], tmp_path / "data", size=8)
    assert stamped(photos) == before
    for path in [photos, *photos.rglob("*")]:
        path.chmod(0o755)


def test_nothing_else_is_left_beside_the_output(photos: Path, tmp_path: Path) -> None:
    prepare([photos], tmp_path / "out" / "data", size=8)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["data"]
    assert sorted(path.name for path in (tmp_path / "out" / "data").iterdir()) == [
        "dataset.json", "labels.npy", "manifest.csv", "pixels.npy", "skipped.csv", "split.npy"
    ]  # fmt: skip


def test_a_zip_and_its_folder_give_the_same_dataset(photos: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", photos)
    from_zip = prepare(archive, tmp_path / "a", size=8)
    from_folder = prepare(photos, str(tmp_path / "b"), size=8, split=[0.6, 0.3, 0.1])
    assert from_zip.digest == from_folder.digest
    assert np.array_equal(from_zip.pixels, from_folder.pixels)


def test_the_digest_follows_what_it_covers(photos: Path, tmp_path: Path) -> None:
    def digest(name: str, **settings: object) -> str:
        return prepare([photos], tmp_path / name, **{"size": 8, **settings}).digest

    first = digest("a")
    moved = shutil.copytree(photos, tmp_path / "elsewhere")
    assert prepare([moved], tmp_path / "b", size=8).digest == first
    others = [digest("c", size=9), digest("d", framing="crop"), digest("e", decode="fast")]
    others += [digest("f", seed=1), digest("g", split=(0.5, 0.4, 0.1))]
    (photos / "cat" / "0.jpg").write_bytes((photos / "cat" / "0.jpg").read_bytes() + b"tail")
    others.append(digest("h"))
    assert len({first, *others}) == 7


def test_adding_photos_does_not_move_the_others(photos: Path, tmp_path: Path, fill: Fill) -> None:
    fill(photos, [f"{kind}/more{index}.jpg" for kind in ("cat", "dog") for index in range(40)])
    before = sides(prepare([photos], tmp_path / "a", size=8))
    fill(photos, [f"cat/new{index}.jpg" for index in range(30)])
    after = sides(prepare([photos], tmp_path / "b", size=8))
    assert len(after) == 150
    assert {name: after[name] for name in before} == before


def test_several_sources_are_one_set_of_classes(photos: Path, tmp_path: Path, fill: Fill) -> None:
    more = fill(tmp_path / "more", [f"fox/{index}.jpg" for index in range(20)])
    dataset = prepare([photos, more], tmp_path / "data", size=8)
    assert dataset.classes == ("cat", "dog", "fox")
    assert dataset.facts.sources == (photos.as_posix(), more.as_posix())


def test_what_is_skipped_is_listed_with_its_reason(photos: Path, tmp_path: Path) -> None:
    (photos / "cat" / "empty.jpg").touch()
    (photos / "cat" / "page.jpg").write_text("<html>404</html>")
    (photos / "dog" / "cut.jpg").write_bytes((photos / "dog" / "0.jpg").read_bytes()[:-60])
    (photos / "dog" / ".DS_Store").touch()
    (photos / "dog" / "gone.jpg").symlink_to(photos / "nowhere")
    dataset = prepare([photos], tmp_path / "data", size=8)
    with (tmp_path / "data" / "skipped.csv").open(newline="") as file:
        rows = {row["name"]: row["reason"] for row in csv.DictReader(file)}
    assert rows == {
        "cat/empty.jpg": "empty", "cat/page.jpg": "not-an-image", "dog/cut.jpg": "cut-short",
        "dog/.DS_Store": "hidden", "dog/gone.jpg": "unreadable",
    }  # fmt: skip
    assert dataset.counts.skipped == dict.fromkeys(sorted(rows.values()), 1)
    assert len(dataset.names) == 40


def test_names_that_are_no_utf_8_are_read_and_shown_with_a_replacement(
    photos: Path, tmp_path: Path
) -> None:
    (photos / "cat" / "0.jpg").rename(photos / "cat" / os.fsdecode(b"caf\xe9.jpg"))
    (photos / "dog").rename(photos / os.fsdecode(b"ch\xefen"))
    source = photos.rename(tmp_path / os.fsdecode(b"\xe9t\xe9"))
    dataset = prepare([source], tmp_path / "data", size=8)
    assert len(dataset.names) == 40
    assert dataset.classes == ("cat", r"ch\xefen")
    assert r"cat/caf\xe9.jpg" in dataset.names
    assert dataset.facts.sources[0].endswith(r"\xe9t\xe9")


def test_a_damaged_member_of_a_zip_is_skipped(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(photos.rglob("*.jpg")):
            zipped.write(path, path.relative_to(photos).as_posix())
    data = archive.read_bytes()
    inside = (photos / "cat" / "0.jpg").read_bytes()
    archive.write_bytes(data.replace(inside, inside[:-1] + b"?"))
    assert prepare([archive], tmp_path / "data", size=8).counts.skipped == {"unreadable": 1}


def test_copies_are_counted_and_lie_together(photos: Path, tmp_path: Path) -> None:
    for name in ("cat/copy.jpg", "cat/again.jpg", "dog/other.jpg"):
        shutil.copy(photos / "cat" / "0.jpg", photos / name)
    dataset = prepare([photos], tmp_path / "data", size=8)
    assert (dataset.counts.copies, dataset.counts.two_classes, dataset.counts.two_sides) == (
        3,
        1,
        0,
    )
    places = sides(dataset)
    assert places["cat/0.jpg"] == places["cat/copy.jpg"] == places["dog/other.jpg"]


def test_a_ready_made_split_is_kept_and_its_leaks_counted(tmp_path: Path, fill: Fill) -> None:
    names = [f"{side}/{kind}/{i}.jpg" for side in ("train", "val", "test")
             for kind in ("cat", "dog") for i in range(4)]  # fmt: skip
    source = fill(tmp_path / "photos", names)
    shutil.copy(source / "train" / "cat" / "0.jpg", source / "test" / "cat" / "leak.jpg")
    dataset = prepare([source], tmp_path / "data", size=8)
    for name, side in sides(dataset).items():
        assert side == {"train": "train", "val": "validation", "test": "test"}[name.split("/")[0]]
    assert dataset.counts.two_sides == 1


def test_no_place_to_write(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        prepare([photos], tmp_path / "file" / "data", size=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "--size: expected 1 to 4096 pixels, got 0"),
        ({"framing": "stretch"}, '--framing: expected pad, crop, squash, got "stretch"'),
        ({"decode": "slow"}, '--decode: expected exact, fast, got "slow"'),
        ({"split": (60, 30, 10)}, "--split: expected three shares"),
    ],
)
def test_wrong_settings(settings: dict, message: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match=message):
        prepare([photos], tmp_path / "data", **settings)
    with pytest.raises(PasunchatError, match=message):
        prepared([photos], **settings)


def test_one_class_is_refused(tmp_path: Path, fill: Fill) -> None:
    source = fill(tmp_path / "photos", ["cat/1.jpg", "cat/2.jpg"])
    with pytest.raises(PasunchatError, match=r'at least two classes, found one \("cat"\)'):
        prepare([source], tmp_path / "data", size=8)


def test_a_class_that_does_not_open_is_refused(photos: Path, tmp_path: Path) -> None:
    for path in (photos / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(PasunchatError, match=r'no photo of the class "dog" opens .*empty'):
        prepare([photos], tmp_path / "data", size=8)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_class_too_small_is_refused(tmp_path: Path, fill: Fill) -> None:
    source = fill(tmp_path / "photos", ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"])
    with pytest.raises(PasunchatError, match='"cat" has 2 different photos'):
        prepare([source], tmp_path / "data", size=8)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_output_is_replaced_only_when_told(photos: Path, tmp_path: Path) -> None:
    prepare([photos], tmp_path / "data", size=8)
    with pytest.raises(PasunchatError, match=r"exists already.*--overwrite"):
        prepare([photos], tmp_path / "data", size=9)
    assert open_dataset(tmp_path / "data").size == 8
    assert prepare([photos], tmp_path / "data", size=9, overwrite=True).size == 9


def test_what_is_no_dataset_is_never_replaced(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(PasunchatError, match="is no dataset and is not replaced"):
        prepare([photos], tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def test_an_output_inside_a_source_is_refused(photos: Path) -> None:
    before = stamped(photos)
    for place in (photos / "data", photos / "cat" / "data"):
        with pytest.raises(PasunchatError, match="sources are only read"):
            prepare([photos], place, size=8)
    assert stamped(photos) == before


def test_an_output_that_holds_a_source_is_refused(photos: Path, tmp_path: Path) -> None:
    prepare([photos], tmp_path / "data", size=8)
    archive = shutil.make_archive(str(tmp_path / "data" / "photos"), "zip", photos)
    with pytest.raises(PasunchatError, match="or holds it"):
        prepare([archive], tmp_path / "data", size=9, overwrite=True)
    assert Path(archive).exists()


def test_prepared_is_made_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "home"))
    seen: list[int] = []
    first = prepared([photos], size=8, progress=lambda done, _: seen.append(done))
    assert first.folder.parent == tmp_path / "home" / "datasets"
    assert seen[-1] == 40
    seen.clear()
    again = prepared([photos], size=8, progress=lambda done, _: seen.append(done))
    assert (again.folder, again.digest, seen) == (first.folder, first.digest, [])
    assert prepared([photos], size=9).folder != first.folder
    os.utime(photos / "cat" / "0.jpg", ns=(0, 0))
    assert prepared([photos], size=8).folder != first.folder


def test_results_come_in_order_and_few_wait() -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        time.sleep(0.001 * (item % 3))
        return item * item

    results = in_order(work, range(50), workers=3)
    assert next(results) == 0
    time.sleep(0.05)
    assert len(started) <= 13, "the queue is bounded"
    assert list(results) == [item * item for item in range(1, 50)]


def test_manifest_gives_each_file_its_digest_and_size(photos: Path, tmp_path: Path) -> None:
    prepare([photos], tmp_path / "data", size=8)
    with (tmp_path / "data" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(40))
    for row in rows:
        data = (photos / row["name"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert int(row["bytes"]) == len(data)
        assert (row["width"], row["height"]) == ("24", "18")


# A dataset, or photos to prepare


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_named_is_refused(nothing: list[str] | None) -> None:
    with pytest.raises(PasunchatError, match="no photos named"):
        dataset_or_prepared(nothing)


def test_photos_are_prepared_at_the_size_asked_for_or_at_the_usual_one(photos: Path) -> None:
    usual = dataset_or_prepared([photos], usual_size=8, framing="crop")
    assert (usual.size, usual.framing) == (8, "crop")
    assert usual.folder == prepared([photos], size=8, framing="crop").folder
    assert dataset_or_prepared([str(photos)], size=9, usual_size=8).size == 9
    with pytest.raises(PasunchatError, match="--size: expected 1 to"):
        dataset_or_prepared([photos], size=0)


def test_a_dataset_is_opened_as_it_is_and_its_size_is_not_changed(
    photos: Path, tmp_path: Path
) -> None:
    made = prepare([photos], tmp_path / "data", size=8)
    opened = dataset_or_prepared([made.folder], usual_size=9, framing="crop")
    assert (opened.folder, opened.digest) == (made.folder, made.digest)
    with pytest.raises(PasunchatError, match="prepared already: prepare it again with --size"):
        dataset_or_prepared([made.folder], size=8)
