"""The classifiers that come with the package: small, stated, and at work on a real cat."""

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from pasunchat.__main__ import run
from pasunchat.attacks.fool import fool
from pasunchat.attacks.result import Status
from pasunchat.classifiers.load import load
from pasunchat.classifiers.shipped import DEFAULT, SHIPPED, shipped_folder
from pasunchat.measures.predict import predict

MOST_BYTES = 3 << 20
DIGESTS = {
    "efficientnet-lite0": "5e7626906ee76fd43410547a00b9c22ee3722cc1cc54f82f7f710b8f0d8dfb0b",
    "tiny": "9e98e415927533715884abff4c7a96456c2c00e11594010b1bd3bcb4ff8ee3e9",
    "simple": "0b94ffd07ca1c28a6bf407eb62b0ee1ab4e1f8793bc6daf3d0bf8b316013d7f3",
    "simple-hard": "4c5eb7ed387a02e1f1553183540b0d99be078efce1c5b77fdd073211b2a362b9",
    "tiny-hard": "c61b65db64ca0a937fcc92842a157c43a747a0e1022101d91d488ad353231676",
    "simple-certified": "02b1a4d7946f9d128417ee78ac2aa91a7f16d610db891b0aaf0947f3478bd19c",
    "simple-noisy": "8cb2b3cc0f3bb6b68beb01c707e0ec4a57101759bc42c0903914e6be5d026f21",
}


@pytest.fixture(scope="module")
def chelsea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of a real cat (CC0) that scikit-image's wheel carries."""
    path = tmp_path_factory.mktemp("cat") / "chelsea.png"
    Image.fromarray(data.chelsea()).save(path)
    return path


@pytest.mark.parametrize("name", SHIPPED)
def test_has_a_card_a_recipe_and_calls_a_cat_a_cat(name: str, chelsea: Path) -> None:
    folder = shipped_folder(name)
    assert {"classifier.json", "weights.safetensors", "recipe.json", "README.md"} <= {
        path.name for path in folder.iterdir()
    }
    classifier = load(name)
    assert classifier.origin is None and classifier.known_as == f"shipped:{name}"
    (found,) = predict(classifier, [chelsea])
    assert found.prediction is not None and found.prediction.label == "cat"


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_is_the_classifier_that_receipts_name(name: str, digest: str) -> None:
    """A receipt carries its classifier's digest, so a shipped one must never change."""
    assert load(name).digest() == digest


@pytest.mark.parametrize("name", ["simple", "tiny"])
def test_the_defended_one_takes_more_levels_than_the_one_it_began_from(
    name: str, chelsea: Path
) -> None:
    plain, hard = (
        fool(f"shipped:{each}", chelsea, "cat", norm="linf") for each in (name, f"{name}-hard")
    )
    assert plain.status == hard.status == (Status.REACHED,)
    assert plain.distance.item() < hard.distance.item()


def test_all_together_are_under_3_mib() -> None:
    files = [path for name in SHIPPED for path in shipped_folder(name).rglob("*")]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_the_default_is_fooled_with_no_training(
    chelsea: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["fool", str(chelsea)]) == 0
    said = capsys.readouterr().out
    assert "cat" in said and "dog" in said and f"model: shipped:{DEFAULT}" in said
    assert (tmp_path / "fooled" / "chelsea.dog" / "chelsea.dog.png").is_file()
    picture = str(tmp_path / "fooled" / "chelsea.dog" / "chelsea.dog.png")
    assert run(["verify", picture, "--photo", str(chelsea)]) == 0
