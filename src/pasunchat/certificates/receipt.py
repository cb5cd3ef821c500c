"""A certificate's receipt: the photo as a PNG that says what is proved of it, to be proved anew."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.certificates.certify import Asked, certificates_of
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.photos.image import digest_of_pixels, own_pixels, png_bytes, read_png_texts
from pasunchat.storage import from_json, readable, to_json, write_bytes

CHUNK = "pasunchat-certificate"  # of the PNG


@dataclass(frozen=True)
class CertificateReceipt:
    """What a PNG says is proved of the photo that it holds."""

    model: str  # the name that loaded the classifier; its digest is in the certificate
    label: str  # the name of the right class
    photo: str  # SHA-256 of the pixels
    certificate: Certificate
    asked: Asked
    version: str = version("pasunchat")


@dataclass(frozen=True)
class CertificateVerification:
    """Whether what a receipt says was proved again."""

    file: str
    model: str  # the name that loads the classifier that was asked
    holds: bool
    receipt: CertificateReceipt
    findings: tuple[str, ...]  # a sentence for each thing that does not hold


def save_receipt(path: Path, photo: NDArray[np.uint8], receipt: CertificateReceipt) -> None:
    """Write the photo, uint8 [H, W, 3], as PNG with its receipt, whole or not at all."""
    write_bytes(path, png_bytes(photo, {CHUNK: to_json(receipt).decode()}))


def read_certificate(path: Path) -> CertificateReceipt | None:
    """The receipt inside a PNG, or None. Raises PasunchatError if it is damaged."""
    text = read_png_texts(path).get(CHUNK)
    origin = f"the certificate in {path}"
    return None if text is None else from_json(text, CertificateReceipt, origin)


def verify_certificate(
    path: Path, classifier: Classifier, receipt: CertificateReceipt
) -> CertificateVerification:
    """Prove again what a PNG with a receipt says, of the pixels that it holds."""
    image, said = own_pixels(path), receipt.certificate
    findings = []
    if digest_of_pixels(image) != receipt.photo:
        findings.append("its pixels are not those the certificate was written for")
    if classifier.digest() != said.of:
        findings.append("the certificate names another classifier than this one")
    if not findings:
        alpha = said.alpha or receipt.asked.alpha
        asked = replace(receipt.asked, norm=said.norm, radius=said.radius, alpha=alpha)
        pixels = as_pixels(image[None], classifier.mean.device)
        (again,) = certificates_of(classifier, pixels, torch.tensor([said.label]), asked)
        if again.proof is not Proof.PROVED:
            findings.append(f"it is not proved again: {again.proof}")
    return CertificateVerification(
        readable(path), classifier.known_as, not findings, receipt, tuple(findings)
    )
