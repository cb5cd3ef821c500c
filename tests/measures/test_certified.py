"""A split certified: shares, the axis with an attack, going on after a kill, receipts."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pasunchat
from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.certify import Asked
from pasunchat.certificates.receipt import read_certificate, verify_certificate
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures import certified as module
from pasunchat.measures.attack_folder import read_photos
from pasunchat.measures.certified import Certified, certify_split
from pasunchat.measures.gaps import Gap, contradictions, gaps
from pasunchat.measures.robustness import attack_split
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import own_pixels, write_png
from pasunchat.photos.prepare import prepare

QUICK = Asked(effort="quick")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare("drawn:count=60,size=24", tmp_path_factory.mktemp("drawn") / "data", size=24)


@pytest.fixture(scope="module")
def classifier(dataset: Dataset) -> Classifier:
    return build("simple:width=4,depth=2", classes=dataset.classes, size=24, seed=0)


@pytest.fixture(scope="module")
def found(
    classifier: Classifier, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Certified, Path]:
    folder = tmp_path_factory.mktemp("certified") / "linf"
    return certify_split(classifier, dataset, folder, QUICK, split="all", limit=20), folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "timing.jsonl"
    }


def test_certified_accuracy_falls_from_the_share_that_is_right(
    found: tuple[Certified, Path],
) -> None:
    certified, _ = found
    shares = [point.accuracy for point in certified.curve]
    assert shares[0] == certified.accuracy == certified.right / 20
    assert shares == sorted(shares, reverse=True)
    for point in certified.curve[1:]:
        assert certified.accuracy_at(point.radius).accuracy == point.accuracy
    assert certified.accuracy_at(certified.curve[-1].radius * 1.01).accuracy == 0
    radii = sorted(photo.radius for photo in certified.certified if photo.answer == photo.real)
    assert certified.median == radii[len(radii) // 2]


def test_killed_anywhere_it_goes_on_to_the_same_bytes(
    found: tuple[Certified, Path],
    classifier: Classifier,
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, folder = found
    halved = tmp_path / "linf"

    def kill(done: int, _: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        certify_split(classifier, dataset, halved, QUICK, split="all", limit=20, progress=kill)
    (halved / "receipts" / ".x.png.part1").write_bytes(b"half")
    asked: list[int] = []
    original = module.certificates_of

    def counted(*arguments: object) -> object:
        asked.append(len(arguments[1]))  # type: ignore[arg-type]
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "certificates_of", counted)
    certify_split(classifier, dataset, halved, QUICK, split="all", limit=20)
    assert sum(asked) == 12
    assert files(halved) == files(folder)


def test_other_settings_or_another_folder_are_refused(
    found: tuple[Certified, Path], classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    _, folder = found
    with pytest.raises(PasunchatError, match="holds a certificate with another effort"):
        certify_split(classifier, dataset, folder, split="all", limit=20)
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(PasunchatError, match="holds no certificate and is left alone"):
        certify_split(classifier, dataset, tmp_path, QUICK)


def test_a_receipt_is_proved_again_and_a_changed_photo_is_not(
    found: tuple[Certified, Path], classifier: Classifier, tmp_path: Path
) -> None:
    certified, folder = found
    proved = next(photo for photo in certified.certified if photo.receipt)
    path = folder / "receipts" / proved.receipt
    receipt = read_certificate(path)
    assert receipt is not None and receipt.certificate.radius == proved.radius
    assert verify_certificate(path, classifier, receipt).holds
    other = build("simple:width=4,depth=2", classes=classifier.classes, size=24, seed=1)
    assert "another classifier" in verify_certificate(path, other, receipt).findings[0]
    wider = replace(receipt.certificate, radius=0.5)
    claimed = verify_certificate(path, classifier, replace(receipt, certificate=wider))
    assert not claimed.holds and "not proved again" in claimed.findings[0]
    image = own_pixels(path).copy()
    image[0, 0] ^= 1
    write_png(tmp_path / "changed.png", image, {})
    changed = verify_certificate(tmp_path / "changed.png", classifier, receipt)
    assert "its pixels are not those" in changed.findings[0]


def test_votes_are_counted_again_as_certainly_as_the_receipt_says(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """At the usual alpha, so few votes prove less than the receipt says."""
    vote, asked = pasunchat.smoothed(classifier, 0.01), Asked(effort="quick", alpha=0.2)
    certified = certify_split(vote, dataset, tmp_path / "votes", asked, split="all", limit=4)
    proved = next(photo for photo in certified.certified if photo.receipt)
    path = tmp_path / "votes" / "receipts" / proved.receipt
    receipt = read_certificate(path)
    assert receipt is not None and receipt.certificate.alpha == 0.2
    assert verify_certificate(path, vote, receipt).holds
    surer = replace(receipt, certificate=replace(receipt.certificate, alpha=0.001))
    assert not verify_certificate(path, vote, surer).holds


def test_what_is_proved_lies_below_what_is_shown(
    found: tuple[Certified, Path], classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    certified, _ = found
    same = {"split": "all", "limit": 20}
    shown = attack_split(classifier, dataset, tmp_path / "a", norm="linf", levels=None, **same)
    between = gaps(certified, read_photos(tmp_path / "a", shown))
    assert len(between) == certified.right and not contradictions(between)
    widths = [gap.width for gap in between]
    assert widths == sorted(widths, reverse=True)
    assert all(gap.proved < gap.shown for gap in between)


def test_a_change_within_a_proved_radius_is_a_contradiction() -> None:
    right, wrong = Gap("one", "cat", 0.1, 0.2), Gap("two", "cat", 0.2, 0.1)
    assert contradictions([right, wrong, Gap("three", "cat", 0.1, np.inf)]) == [wrong]


def test_an_attack_on_other_photos_is_refused(found: tuple[Certified, Path]) -> None:
    with pytest.raises(PasunchatError, match="not about the same photos"):
        gaps(found[0], [])


def test_what_is_refused_leaves_no_folder(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(PasunchatError, match="take smoothed"):
        certify_split(classifier, dataset, tmp_path / "new", Asked(norm="l2"))
    assert not (tmp_path / "new").exists()
    shutil.rmtree(tmp_path)


def test_misread_photos_are_not_counted_as_proved(found: tuple[Certified, Path]) -> None:
    for photo in found[0].certified:
        assert (photo.proof is Proof.MISREAD) == (photo.answer != photo.real)
        assert bool(photo.receipt) == (photo.proof is Proof.PROVED) == (photo.radius > 0)
