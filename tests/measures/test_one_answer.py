"""One photo, one answer: whatever judges a classifier decodes photos as it was trained."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.attacks.fool import Request, pixels_of
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_images
from pasunchat.classifiers.files import load_files, save
from pasunchat.commands.printing import note_any
from pasunchat.fooled.fool_photos import FoolOptions, fool_photos
from pasunchat.fooled.receipt import read_receipt, verify
from pasunchat.framing import Decode
from pasunchat.measures.predict import predict
from pasunchat.measures.same_photos import datasets_for
from pasunchat.measures.score import other_decode
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import DECODES, own_pixels
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import set_up_runtime
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Run

SIZE = 16


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs of fine grain, large enough to be decoded at a quarter."""
    folder, draws = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (folder / kind).mkdir()
        for index in range(6):
            grain = Image.fromarray(draws.integers(0, 256, (50, 70, 3), np.uint8))
            grain.resize((140, 100)).save(folder / kind / f"{index}.jpg")
    return folder


@pytest.fixture(params=DECODES)
def decode(request: pytest.FixtureRequest) -> Decode:
    return request.param


@pytest.fixture
def dataset(photos: Path, tmp_path: Path, decode: Decode) -> Dataset:
    return prepare(photos, tmp_path / "data", size=SIZE, decode=decode)


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path) -> Run:
    recipe = Recipe(network="linear", epochs=2)
    return train(dataset, recipe, tmp_path / "run", runtime=set_up_runtime("cpu"))


def test_the_decodes_differ_here(photos: Path, tmp_path: Path) -> None:
    exact, fast = (
        prepare(photos, tmp_path / decode, size=SIZE, decode=decode).pixels for decode in DECODES
    )
    assert not np.array_equal(exact, fast)


def test_exact_is_the_default(photos: Path, tmp_path: Path) -> None:
    assert prepare(photos, tmp_path / "data", size=SIZE).decode == "exact"


def test_dataset_run_and_classifier_state_the_decode(
    dataset: Dataset, run: Run, decode: Decode
) -> None:
    classifier = load_files(run.folder)
    assert dataset.decode == run.info.data.decode == classifier.decode == decode


def test_files_are_answered_as_the_dataset_is(photos: Path, dataset: Dataset, run: Run) -> None:
    classifier = load_files(run.folder)
    of_dataset = classifier.probabilities(dataset.pixels)
    files = [photos / name for name in dataset.names]
    found = [list(each.probabilities.values()) for each in predict(classifier, files)]
    assert np.allclose(found, of_dataset, atol=1e-6)
    assert np.array_equal(as_images(pixels_of(files, classifier)), dataset.pixels)


def test_photos_are_prepared_for_a_classifier_as_it_states(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, decode: Decode
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "cache"))
    assert datasets_for({"it": load_files(run.folder)}, [photos])["it"].decode == decode


@pytest.mark.parametrize("ours", [True, False])
def test_a_photo_is_fooled_as_it_is_predicted_and_its_receipt_says_how(
    photos: Path, tmp_path: Path, decode: Decode, *, ours: bool
) -> None:
    save(build("linear", classes=("cat", "dog"), size=SIZE, decode=decode), tmp_path / "run")
    classifier, photo = load_files(tmp_path / "run"), photos / "cat" / "0.jpg"
    request = Request("turning", effort="quick")
    (fooled,) = fool_photos(classifier, [photo], tmp_path / "fooled", request)
    (found,) = predict(classifier, [photo])
    assert found.prediction is not None
    assert fooled.outcome.before.confidence == pytest.approx(found.prediction.confidence, abs=1e-6)
    picture = fooled.folder / fooled.outcome.picture
    receipt = read_receipt(picture)
    assert receipt is not None and receipt.decode == decode
    given = photo if ours else photos / "cat" / "1.jpg"
    assert verify(picture, classifier, given).holds == ours


def test_at_full_size_a_photo_is_decoded_whole(photos: Path, tmp_path: Path) -> None:
    save(build("linear", classes=("cat", "dog"), size=SIZE, decode="fast"), tmp_path / "run")
    classifier, photo = load_files(tmp_path / "run"), photos / "cat" / "0.jpg"
    options, request = FoolOptions(full_size=True), Request("turning", effort="quick")
    (fooled,) = fool_photos(classifier, [photo], tmp_path / "out", request, options=options)
    receipt = read_receipt(fooled.folder / fooled.outcome.picture)
    assert receipt is not None and receipt.decode == "exact"
    assert np.array_equal(own_pixels(fooled.folder / "photo.png"), own_pixels(photo))


def other(decode: Decode) -> Decode:
    return next(each for each in DECODES if each != decode)


def test_a_dataset_of_another_decode_is_told_of(
    dataset: Dataset, decode: Decode, capsys: pytest.CaptureFixture[str]
) -> None:
    def of(decode: Decode) -> Classifier:
        return build("linear", classes=("cat", "dog"), size=SIZE, decode=decode)

    assert other_decode(of(decode), dataset) is None
    note_any(other_decode(of(other(decode)), dataset))
    assert f"--decode {other(decode)}" in capsys.readouterr().err
