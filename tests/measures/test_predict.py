"""Which files are meant, and that what is said of them depends on nothing but themselves."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.measures.predict import BATCH, predict
from pasunchat.photos.files import ENDINGS, photo_files
from pasunchat.storage import to_json


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog"), size=16)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """b.png, a.JPG, deep/c.webp, notes.txt, and hidden ones."""
    names = ("b.png", "a.JPG", "deep/c.webp", ".hidden.png", ".git/d.png", "deep/._c.png")
    for shade, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 10), (30 * shade, 100, 200)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a photo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*photos: str | Path) -> list[str]:
    return [path.as_posix() for path in photo_files(photos)]


def test_a_folder_means_its_photos_at_any_depth(place: Path) -> None:
    assert names(".") == ["a.JPG", "b.png", "deep/c.webp"]
    assert names(place) == [f"{place.as_posix()}/{name}" for name in names(".")]


def test_a_hidden_folder_may_be_named(place: Path) -> None:
    assert names(".git") == [".git/d.png"]


def test_a_pattern_means_the_files_it_matches(place: Path) -> None:
    assert names("*.png") == ["b.png"]
    assert names("**/*.webp") == ["deep/c.webp"]
    assert names("*") == ["a.JPG", "b.png", "notes.txt"]
    assert names(f"{place}/*.JPG") == [f"{place.as_posix()}/a.JPG"]


def test_a_file_is_itself_even_if_its_name_looks_like_a_pattern(place: Path) -> None:
    (place / "b.png").rename(place / "rex [1].png")
    assert names("rex [1].png") == ["rex [1].png"]


def test_order_and_repeats_are_those_asked_for(place: Path) -> None:
    assert names("b.png", "deep", "b.png", "a.JPG") == ["b.png", "deep/c.webp", "b.png", "a.JPG"]


@pytest.mark.parametrize("nothing", ["nowhere.jpg", "*.gif", "nowhere/*", "dee?"])
def test_where_nothing_is_is_refused(place: Path, nothing: str) -> None:
    with pytest.raises(PasunchatError, match="no photo at "):
        photo_files(["b.png", nothing])


def test_a_folder_without_photos_is_refused(place: Path) -> None:
    (place / "empty").mkdir()
    with pytest.raises(PasunchatError, match=r"empty holds no photo \(\.jpg, "):
        photo_files(["empty"])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_photo_is_found_once_whatever_the_case_of_its_ending(tmp_path: Path, ending: str) -> None:
    meant = {f"a{ending}", f"B{ending.upper()}", f"c.txt{ending}"}
    for name in (*meant, f"d{ending}.txt", f"e{ending[1:]}"):
        (tmp_path / name).touch()
    assert sorted(path.name for path in photo_files([tmp_path])) == sorted(meant)


def test_what_is_no_photo_gets_a_reason_in_its_place(place: Path, classifier: Classifier) -> None:
    first, bad, last = predict(classifier, ["b.png", "notes.txt", "a.JPG"])
    assert (bad.file, bad.prediction, bad.probabilities) == ("notes.txt", None, {})
    assert bad.reason is not None and bad.reason.startswith("notes.txt: not an image")
    for good, name in ((first, "b.png"), (last, "a.JPG")):
        assert good.file == name and good.reason is None
        assert set(good.probabilities) == {"cat", "dog"}
        assert sum(good.probabilities.values()) == pytest.approx(1)
        assert good.prediction is not None
        likeliest = max(good.probabilities, key=good.probabilities.__getitem__)
        assert good.prediction == Prediction(likeliest, good.probabilities[likeliest])


ODD_THINGS: dict[str, Callable[[Path], object]] = {
    "a link to nowhere": lambda path: path.symlink_to("nowhere.jpg"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("named", [".", "*", "m.jpg"])
@pytest.mark.parametrize("thing", ODD_THINGS)
def test_what_is_no_file_gets_a_reason_and_the_others_are_answered(
    place: Path, classifier: Classifier, thing: str, named: str
) -> None:
    ODD_THINGS[thing](place / "m.jpg")
    if (named, thing) == ("m.jpg", "a folder"):
        with pytest.raises(PasunchatError, match="holds no photo"):
            predict(classifier, [named])
        return
    found = {each.file: each for each in predict(classifier, ["a.JPG", named])}
    assert thing in str(found["m.jpg"].reason)
    assert found["a.JPG"].prediction is not None


def test_a_name_that_is_no_utf_8_is_answered_and_can_be_written(
    place: Path, classifier: Classifier
) -> None:
    Image.new("RGB", (9, 9)).save("b.png")
    Path("b.png").rename(os.fsdecode(b"caf\xe9.png"))
    (found,) = predict(classifier, ["*.png"])
    assert found.file == r"caf\xe9.png" and found.prediction is not None
    assert rb"caf\\xe9.png" in to_json([found])


def test_nothing_but_bad_files_is_all_reasons(place: Path, classifier: Classifier) -> None:
    assert all(found.reason for found in predict(classifier, ["notes.txt", "notes.txt"]))


def test_hundreds_are_the_same_as_one_by_one(
    classifier: Classifier, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_photos(tmp_path, {"cat": 90, "dog": 60})
    told: list[tuple[int, int]] = []
    together = predict(classifier, [folder], lambda done, total: told.append((done, total)))
    assert len(together) == 150 > 2 * BATCH
    assert told == [(64, 150), (128, 150), (150, 150)]
    for found in together:
        (alone,) = predict(classifier, [found.file])
        assert alone.prediction is not None and found.prediction is not None
        assert alone.prediction.label == found.prediction.label
        assert alone.probabilities == pytest.approx(found.probabilities, abs=1e-6)


def test_classes_without_names_are_numbers(place: Path, classifier: Classifier) -> None:
    (found,) = predict(Classifier(classifier.network, mean=0.5, size=16), ["b.png"])
    assert set(found.probabilities) == {"0", "1"}


def test_one_path_is_taken_alone(place: Path, classifier: Classifier) -> None:
    file = photo_files([place])[0]
    for path in (file, str(file)):
        assert predict(classifier, path) == predict(classifier, [file])


def test_images_are_no_paths(classifier: Classifier) -> None:
    for images in ([Image.new("RGB", (16, 16))], torch.zeros(1, 3, 16, 16)):
        with pytest.raises(
            PasunchatError, match=r"expected paths of files, got .*; the classifier"
        ):
            predict(classifier, images)  # type: ignore[arg-type]


def test_a_classifier_without_a_size_is_refused(place: Path, classifier: Classifier) -> None:
    with pytest.raises(PasunchatError, match="states no image size"):
        predict(Classifier(classifier.network), ["b.png"])
