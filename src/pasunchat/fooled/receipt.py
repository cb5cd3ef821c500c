"""The saved file as the only witness: written with a receipt, read back, asked again."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.result import RequestInfo
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode
from pasunchat.photos.image import (
    digest_of_pixels,
    own_pixels,
    png_bytes,
    read_photo,
    read_png_texts,
)
from pasunchat.storage import from_json, readable, to_json, write_bytes

RECEIPT = "pasunchat"


@dataclass(frozen=True)
class Receipt:
    """What a fooling PNG says of itself, in its text chunk "pasunchat"."""

    model: str  # the name that loaded the classifier
    classifier: str  # its digest, by which it is found wherever it lies
    photo: str  # SHA-256 of the pixels before
    picture: str  # SHA-256 of the pixels after
    goal: str  # the class to reach
    before: Prediction  # for the photo
    after: Prediction  # for the picture
    l2: float  # of the change, pixels in [0, 1]
    largest_change: int  # in levels of 255
    request: RequestInfo
    decode: Decode = "exact"  # how the photo was decoded
    version: str = version("pasunchat")


@dataclass(frozen=True)
class Verification:
    """Whether a file holds what its receipt says."""

    file: str
    model: str  # the name that loads the classifier that was asked
    holds: bool
    prediction: Prediction
    receipt: Receipt | None  # None where the file carries none
    findings: tuple[str, ...]  # a sentence for each thing checked that does not hold


def ask_file(classifier: Classifier, path: Path) -> Prediction:
    """Read a file and ask about it, as `predict` does."""
    return ask_image(classifier, as_seen(classifier, path))


def ask_image(classifier: Classifier, image: NDArray[np.uint8]) -> Prediction:
    """Ask about one picture, uint8 [H, W, 3]."""
    return classifier.predict(image[None])[0]


def as_seen(classifier: Classifier, path: Path, decode: Decode | None = None) -> NDArray[np.uint8]:
    """A file as the classifier sees it, uint8 [size, size, 3]; by default decoded as it states."""
    if classifier.size is None:
        raise PasunchatError("this classifier states no picture size; give pixels, not files")
    return read_photo(path, classifier.size, classifier.framing, decode or classifier.decode)


def save_with_receipt(path: Path, image: NDArray[np.uint8], receipt: Receipt) -> None:
    """Write `bytes_with_receipt` whole or not at all."""
    write_bytes(path, bytes_with_receipt(image, receipt))


def bytes_with_receipt(image: NDArray[np.uint8], receipt: Receipt) -> bytes:
    """The picture as PNG, its receipt inside."""
    return png_bytes(image, {RECEIPT: to_json(receipt).decode()})


def read_receipt(path: Path) -> Receipt | None:
    """The receipt inside a PNG, or None. Raises PasunchatError if it is damaged."""
    return receipt_in(read_png_texts(path), str(path))


def receipt_in(texts: Mapping[str, str], origin: str) -> Receipt | None:
    """The receipt among the texts of a PNG, or None. Raises PasunchatError naming `origin` if it is
    damaged."""
    text = texts.get(RECEIPT)
    return None if text is None else from_json(text, Receipt, f"the receipt in {origin}")


def verify(
    path: str | Path, classifier: Classifier, photo: str | Path | None = None
) -> Verification:
    """Check a file against its receipt, the classifier, and, where given, the photo it was.

    Raises PasunchatError for a file that is no picture.
    """
    path = Path(path)
    image, receipt = own_pixels(path), read_receipt(path)
    prediction = ask_file(classifier, path)
    if receipt is None:
        findings = ["it carries no receipt of pasunchat, so there is nothing to check it against"]
    else:
        findings = against_receipt(image, prediction, classifier, receipt)
        if photo is not None:
            framed = image.shape[:2] == (classifier.size, classifier.size)
            was = (
                as_seen(classifier, Path(photo), receipt.decode)
                if framed
                else own_pixels(Path(photo))
            )
            findings += _against_photo(image, was, receipt)
    return Verification(
        readable(path), classifier.known_as, not findings, prediction, receipt, tuple(findings)
    )


def against_receipt(
    image: NDArray[np.uint8], prediction: Prediction, classifier: Classifier, receipt: Receipt
) -> list[str]:
    """A sentence for each thing that does not hold. image: uint8 [H, W, 3], as the file has it.
    prediction: the classifier's, for that file."""
    findings = []
    if digest_of_pixels(image) != receipt.picture:
        findings.append("its pixels are not those the receipt was written for")
    if classifier.digest() != receipt.classifier:
        findings.append("the receipt names another classifier than this one")
    if prediction.label != receipt.goal:
        findings.append(f"this classifier reads it as {prediction.label}, not {receipt.goal}")
    elif abs(prediction.confidence - receipt.after.confidence) > 1e-3:
        findings.append(
            f"its confidence is {prediction.confidence:.4f}, not {receipt.after.confidence:.4f} as "
            "receipted"
        )
    return findings


def _against_photo(
    image: NDArray[np.uint8], photo: NDArray[np.uint8], receipt: Receipt
) -> list[str]:
    if digest_of_pixels(photo) != receipt.photo:
        return ["the photo given is not the one it was made from"]
    l2, largest = distances(photo, image)
    if abs(l2 - receipt.l2) > 1e-4 or largest != receipt.largest_change:
        return [f"the change measures L2 {l2:.4f} and {largest} levels, not as receipted"]
    return []


def distances(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> tuple[float, int]:
    """L2 of the change with pixels in [0, 1], and its largest part in levels of 255."""
    change = picture.astype(np.int64) - photo.astype(np.int64)
    return float(np.sqrt((change**2).sum()) / 255), int(np.abs(change).max())
