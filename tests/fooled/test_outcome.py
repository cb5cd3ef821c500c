"""What is kept of a photo: its names, its files, and that the saved file is what was judged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_images
from pasunchat.errors import PasunchatError
from pasunchat.fooled.outcome import (
    ADVICE,
    DRAWS,
    LONGEST,
    Outcome,
    plain,
    save_outcome,
    stem,
)
from pasunchat.fooled.receipt import ask_file, verify
from pasunchat.photos.image import read_photo
from pasunchat.runtime import generator
from pasunchat.storage import read_json

SIZE = 16
DEVICES = [f"{port}{number}" for port in ("com", "LPT") for number in "0123456789¹²³"]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog"), size=SIZE, seed=3)


@pytest.fixture(scope="module")
def results(classifier: Classifier) -> dict[Status, AttackResult]:
    """One result of each kind that two photos of noise give."""
    photos = torch.randint(0, 256, (2, 3, SIZE, SIZE), generator=generator(0)) / 255
    now = classifier.predict_logits(photos, batch=1).argmax(1)
    requested = {
        Status.REACHED: (Goal(1 - now), "learned-noise:lr=0.01"),
        Status.ALREADY_WRONG: (Goal(now), "learned-noise"),
        Status.NOT_REACHED: (Goal(1 - now), "learned-noise:steps=1"),
    }
    found = {
        status: fool(classifier, photos, goal=goal, attack=attack)
        for status, (goal, attack) in requested.items()
    }
    assert all(status in result.status for status, result in found.items())
    return found


def saved(
    classifier: Classifier, results: dict[Status, AttackResult], status: Status, folder: Path
) -> tuple[Outcome, AttackResult, int]:
    result = results[status]
    row = result.status.index(status)
    return save_outcome(classifier, result, row, "photos/rex.jpg", folder), result, row


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photos/rex.jpg", "rex"),
        ("rex", "rex"),
        ("my dog (2).final.png", "my_dog_2_.final"),
        ("a+b-c_d.png", "a+b-c_d"),
        ("Käfer.png", "Käfer"),
        ("猫.png", "猫"),
        (".hidden.png", "hidden"),
        ("???.png", "photo"),
        ("a:b*c|d.png", "a_b_c_d"),
        ("", "photo"),
        ("line\nbreak.png", "line_break"),
        ("con.png", "con_"),
        ("COM1.tar.gz", "COM1_.tar"),
        ("_nul_.jpg", "nul_"),
        ("LPT³.png", "LPT³_"),
        ("console.png", "console"),
        ("my.con.png", "my.con"),
    ],
)
def test_odd_names_become_file_names(name: str, expected: str) -> None:
    assert stem(name) == expected


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_becomes_a_file_name(text: str) -> None:
    found = plain(text)
    assert found and not found.startswith(".") and not found.endswith(".")
    assert not set(found) & set('/\\:*?"<>| \n\0')
    assert plain(found) == found


@pytest.mark.parametrize("name", ["写真" * 40 + "7", "x" * 300, "é" * 200])
def test_a_long_name_keeps_its_end_and_leaves_room(name: str) -> None:
    found = stem(f"{name}.png")
    assert name.endswith(found) and len(found.encode()) <= LONGEST
    longest = f".{found}.closest-to-{found}.png.part1234567.png"
    assert len(longest.encode()) <= 255


@pytest.mark.parametrize("device", ["con", "PRN", "Aux", "nul", *DEVICES])
def test_no_name_is_a_device_of_windows(device: str) -> None:
    """Windows opens the device whatever ending the name has, and in whatever case."""
    for text in (device, f"{device}.cat", f".{device}", f"{device}_", f"?{device}?"):
        found = plain(text)
        assert found.partition(".")[0] == f"{device}_"
        assert plain(found) == found


def test_what_is_kept_of_a_fooled_photo(
    classifier: Classifier, results: dict[Status, AttackResult], tmp_path: Path
) -> None:
    folder = tmp_path / "rex"
    found, result, row = saved(classifier, results, Status.REACHED, folder)
    goal = classifier.class_name(int(result.goal[row]))
    assert {path.name for path in folder.iterdir()} == {
        f"rex.{goal}.png", "photo.png", "noise.png", "result.json"
    }  # fmt: skip
    assert read_json(folder / "result.json", Outcome) == found
    assert found.fooled and found.status is Status.REACHED and found.advice == ""
    assert found.picture == f"rex.{goal}.png" and found.photo == "photos/rex.jpg"
    assert found.after == ask_file(classifier, folder / found.picture)
    assert found.after.label == found.goal == goal != found.before.label
    assert found.control is not None and found.control.draws == DRAWS
    assert found.control.distance == pytest.approx(found.l2, rel=0.02)
    assert verify(folder / found.picture, classifier, folder / "photo.png").holds


def test_the_files_are_the_pixels(
    classifier: Classifier, results: dict[Status, AttackResult], tmp_path: Path
) -> None:
    folder = tmp_path / "rex"
    found, result, row = saved(classifier, results, Status.REACHED, folder)
    photo, picture, noise = (
        read_photo(folder / name, SIZE, "pad").astype(int)
        for name in ("photo.png", found.picture, "noise.png")
    )
    assert np.array_equal(photo, as_images(result.photos[row : row + 1])[0])
    assert np.array_equal(picture, as_images(result.pixels[row : row + 1])[0])
    change = picture - photo
    assert found.largest_change == np.abs(change).max() > 0
    assert found.factor == found.largest_change / 255
    assert found.l2 == pytest.approx(result.distance[row].item(), rel=1e-4)
    assert found.gradients == result.backwards[row]
    assert found.queries == result.forwards[row]
    assert set(noise[change == 0]) <= {128}
    assert ((noise > 128) == (change > 0)).all()


@pytest.mark.parametrize("status", [Status.ALREADY_WRONG, Status.NOT_REACHED])
def test_what_is_not_fooled_is_named_so_and_says_what_to_do(
    classifier: Classifier, results: dict[Status, AttackResult], status: Status, tmp_path: Path
) -> None:
    found, _, _ = saved(classifier, results, status, tmp_path / "rex")
    assert not found.fooled and found.status is status
    assert found.picture == f"rex.closest-to-{found.goal}.png"
    assert (tmp_path / "rex" / found.picture).is_file()
    assert found.advice == ADVICE[status] != ""


def test_nothing_changed_is_grey_and_has_no_control(
    classifier: Classifier, results: dict[Status, AttackResult], tmp_path: Path
) -> None:
    found, _, _ = saved(classifier, results, Status.ALREADY_WRONG, tmp_path / "rex")
    assert (found.l2, found.largest_change, found.factor, found.gradients) == (0, 0, 0, 0)
    assert found.control is None
    assert set(read_photo(tmp_path / "rex" / "noise.png", SIZE, "pad").flat) == {128}


def test_every_way_to_end_has_its_advice() -> None:
    assert set(ADVICE) == set(Status)


def test_nothing_is_replaced_unless_asked(
    classifier: Classifier, results: dict[Status, AttackResult], tmp_path: Path
) -> None:
    saved(classifier, results, Status.REACHED, tmp_path / "rex")
    with pytest.raises(PasunchatError, match="--overwrite"):
        saved(classifier, results, Status.NOT_REACHED, tmp_path / "rex")
    result = results[Status.NOT_REACHED]
    row = result.status.index(Status.NOT_REACHED)
    again = save_outcome(classifier, result, row, "rex.jpg", tmp_path / "rex", overwrite=True)
    assert (tmp_path / "rex" / again.picture).is_file()
    assert len(list((tmp_path / "rex").glob("rex.*.png"))) == 1


def test_what_fails_on_the_way_leaves_nothing(
    classifier: Classifier, results: dict[Status, AttackResult], tmp_path: Path
) -> None:
    def full_disk(part: Path, found: Outcome) -> None:
        assert (part / found.picture).is_file() and (part / "result.json").is_file()
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        save_outcome(
            classifier, results[Status.REACHED], 0, "rex.jpg", tmp_path / "rex", add=full_disk
        )
    assert list(tmp_path.iterdir()) == []
