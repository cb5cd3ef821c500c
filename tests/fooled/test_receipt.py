"""A PNG and its receipt: what holds, and each way in which it can fail to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.fooled.receipt import (
    RECEIPT,
    Receipt,
    as_seen,
    ask_image,
    distances,
    read_receipt,
    save_with_receipt,
    verify,
)
from pasunchat.photos.image import (
    digest_of_pixels,
    read_photo,
    read_png_texts,
    write_png,
)
from pasunchat.storage import to_json

SIZE = 16
PICTURES = arrays.arrays(np.uint8, (2, 3, 3))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog"), size=SIZE)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_png(tmp_path / "rex.png", _noise(0), {})
    return tmp_path / "rex.png"


@pytest.fixture
def receipt(classifier: Classifier) -> Receipt:
    """What is true of `picture()`."""
    before, after = ask_image(classifier, _noise(0)), ask_image(classifier, picture())
    l2, largest = distances(_noise(0), picture())
    return Receipt(
        model=classifier.known_as,
        classifier=classifier.digest(),
        photo=digest_of_pixels(_noise(0)),
        picture=digest_of_pixels(picture()),
        goal=after.label,
        before=before,
        after=after,
        l2=l2,
        largest_change=largest,
        request=Request("learned-noise:const=0.1,steps=7", radius=0.5).info(),
    )


@pytest.fixture
def saved(tmp_path: Path, receipt: Receipt) -> Path:
    save_with_receipt(tmp_path / "rex.cat.png", picture(), receipt)
    return tmp_path / "rex.cat.png"


def _noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 250, (SIZE, SIZE, 3), dtype=np.uint8)


def picture() -> NDArray[np.uint8]:
    changed = _noise(0)
    changed[2:5] += 4
    return changed


def findings(classifier: Classifier, saved: Path, photo: Path | None = None) -> str:
    found = verify(saved, classifier, photo)
    assert found.holds == (not found.findings)
    return "; ".join(found.findings)


def test_what_is_true_holds(
    classifier: Classifier, saved: Path, photo: Path, receipt: Receipt
) -> None:
    for found in (verify(saved, classifier), verify(saved, classifier, photo)):
        assert found.holds and found.findings == ()
        assert found.receipt == receipt
        assert found.prediction == ask_image(classifier, picture())
        assert found.file == str(saved)
    assert verify(str(saved), classifier, str(photo)).holds


def test_the_file_is_exact_and_holds_the_receipt_as_json(saved: Path, receipt: Receipt) -> None:
    assert np.array_equal(read_photo(saved, SIZE, "pad"), picture())
    assert read_png_texts(saved) == {RECEIPT: to_json(receipt).decode()}
    assert read_receipt(saved) == receipt
    assert receipt.version


@pytest.mark.parametrize("name", ["Käfer", "猫", 'a "b" \\ c', "line\nbreak"])
def test_class_names_of_any_script_come_back(tmp_path: Path, receipt: Receipt, name: str) -> None:
    named = replace(receipt, goal=name)
    save_with_receipt(tmp_path / "x.png", picture(), named)
    assert read_receipt(tmp_path / "x.png") == named


def test_one_changed_pixel_is_seen(classifier: Classifier, saved: Path, photo: Path) -> None:
    tampered = picture()
    tampered[0, 0, 0] ^= 64
    write_png(saved, tampered, read_png_texts(saved))
    said = findings(classifier, saved, photo)
    assert "its pixels are not those the receipt was written for" in said
    assert "the change measures" in said


def test_another_classifier_is_seen(saved: Path) -> None:
    other = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    assert "the receipt names another classifier than this one" in findings(other, saved)


def test_another_photo_is_seen(classifier: Classifier, saved: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "tom.png", _noise(1), {})
    said = findings(classifier, saved, tmp_path / "tom.png")
    assert said == "the photo given is not the one it was made from"


def test_no_receipt_is_said(classifier: Classifier, photo: Path) -> None:
    found = verify(photo, classifier)
    assert found.receipt is None and not found.holds
    assert "carries no receipt" in found.findings[0] and len(found.findings) == 1
    assert read_receipt(photo) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"goal": "fox"}, "this classifier reads it as "),
        ({"after": Prediction("cat", 0.01)}, "not 0.0100 as receipted"),
        ({"l2": 9.0}, "the change measures L2"),
        ({"largest_change": 5}, "the change measures L2"),
    ],
)
def test_what_a_receipt_says_falsely_is_seen(
    classifier: Classifier,
    saved: Path,
    photo: Path,
    receipt: Receipt,
    change: dict[str, object],
    said: str,
) -> None:
    save_with_receipt(saved, picture(), replace(receipt, **change))
    assert said in findings(classifier, saved, photo)


@pytest.mark.parametrize("text", ["", "{", "[]", "no json", '{"goal": 3}', "{}"])
def test_a_damaged_receipt_is_named(classifier: Classifier, saved: Path, text: str) -> None:
    write_png(saved, picture(), {RECEIPT: text})
    with pytest.raises(PasunchatError, match=r"the receipt in .*rex\.cat\.png is damaged or not"):
        verify(saved, classifier)


def test_a_wrong_field_is_named(classifier: Classifier, saved: Path, receipt: Receipt) -> None:
    text = to_json(receipt).decode().replace('"seed": 0', '"seed": "none"')
    write_png(saved, picture(), {RECEIPT: text})
    with pytest.raises(PasunchatError, match=r"\$\.request\.seed"):
        verify(saved, classifier)


def test_what_is_no_picture_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "nowhere.png"):
        with pytest.raises(PasunchatError, match=name):
            verify(tmp_path / name, classifier)


def test_files_need_a_classifier_with_a_size(classifier: Classifier, photo: Path) -> None:
    with pytest.raises(PasunchatError, match="states no picture size"):
        as_seen(Classifier(classifier.network), photo)


@settings(deadline=None)
@given(PICTURES, PICTURES)
def test_distances_are_those_of_the_numbers(
    one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> None:
    l2, largest = distances(one, other)
    change = one.astype(float) / 255 - other.astype(float) / 255
    assert l2 == pytest.approx(np.linalg.norm(change))
    assert largest == round(255 * float(np.abs(change).max()))
    assert distances(other, one) == (l2, largest)


@settings(deadline=None)
@given(PICTURES, PICTURES)
def test_digests_tell_pictures_apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> None:
    assert (digest_of_pixels(one) == digest_of_pixels(other)) == np.array_equal(one, other)
    assert digest_of_pixels(one) != digest_of_pixels(one.reshape(3, 2, 3))
    assert digest_of_pixels(one) == digest_of_pixels(np.asfortranarray(one))
