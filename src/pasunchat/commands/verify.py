"""pasunchat verify: does a saved picture hold what its receipt says? And a certificate?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.models import note_model
from pasunchat.commands.printing import print_json, say

if TYPE_CHECKING:
    from pasunchat.certificates.receipt import CertificateVerification
    from pasunchat.fooled.receipt import Verification

EXAMPLES = (
    "pasunchat verify runs/simple/fooled/rex.cat/rex.cat.png",
    "pasunchat verify rex.cat.png --model simple --photo rex.jpg",
    "pasunchat verify runs/simple/certificate/linf/receipts/*.png",
)


def verify(
    files: Annotated[list[Path], typer.Argument(help="PNGs that pasunchat fool or certify wrote.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="A run, or any model (pasunchat docs models); else the one in the receipt."
        ),
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(help="The photo it was made from, to measure the change.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Read pictures back and check them against their receipts. Exit status 1: one fails."""
    from pasunchat.certificates.receipt import read_certificate, verify_certificate
    from pasunchat.classifiers.load import load
    from pasunchat.fooled.receipt import verify as verify_

    models = [model or _receipted(file) for file in files]
    classifiers = {name: load(name) for name in dict.fromkeys(models)}
    found: list[Verification | CertificateVerification] = []
    for file, name in zip(files, models, strict=True):
        proof, classifier = read_certificate(file), classifiers[name]
        found.append(
            verify_certificate(file, classifier, proof)
            if proof
            else verify_(file, classifier, photo)
        )
    for name, classifier in classifiers.items():
        note_model(name, classifier)
    if json:
        print_json(found)
    else:
        for each in found:
            _print(each)
    return 0 if all(each.holds for each in found) else 1


def _print(found: "Verification | CertificateVerification") -> None:
    from pasunchat.fooled.receipt import Verification
    from pasunchat.words import percent

    holds = "holds" if found.holds else "does not hold"
    if not isinstance(found, Verification):
        _print_certificate(found, holds)
        return
    said = f"{found.prediction.label} {percent(found.prediction.confidence)}"
    say(f"{found.file}: {holds}; {found.model} reads it as {said}")
    for finding in found.findings:
        say(f"  {finding}")
    if found.receipt and found.holds:
        receipt = found.receipt
        change = f"at most {receipt.largest_change} of 255 levels, L2 {receipt.l2:.2f}"
        was = f"{receipt.before.label} {percent(receipt.before.confidence)}"
        by = receipt.request.attack
        say(f"  before the change, {was}; the change: {change}, by {by}")


def _print_certificate(found: "CertificateVerification", holds: str) -> None:
    from pasunchat.reports.certified_words import size_in_words

    receipt = found.receipt
    size = size_in_words(receipt.certificate.norm, receipt.certificate.radius)
    say(f"{found.file}: {holds}; no change up to {size} makes {found.model} answer anything else "
        f"than {receipt.label}")  # fmt: skip
    if receipt.certificate.alpha is not None:
        say(f"  wrong with a probability of at most {receipt.certificate.alpha:.1%}, by the noise "
            "that was drawn")  # fmt: skip
    for finding in found.findings:
        say(f"  {finding}")


def _receipted(file: Path) -> str | None:
    """The model that a picture's receipt is about, by its digest, wherever it is found, one around
    another by its name; None for a picture without a receipt. Raises PasunchatError if it is not
    found."""
    from pasunchat.certificates.receipt import read_certificate
    from pasunchat.classifiers.load import find_by_digest
    from pasunchat.classifiers.wrappers import is_wrapped
    from pasunchat.errors import PasunchatError
    from pasunchat.fooled.receipt import read_receipt

    proof, receipt = read_certificate(file), read_receipt(file)
    if proof is not None:
        name, digest = proof.model, proof.certificate.of
    elif receipt is not None:
        name, digest = receipt.model, receipt.classifier
    else:
        return None
    if is_wrapped(name):
        return name
    found = find_by_digest(digest, file)
    if found is None:
        raise PasunchatError(
            f"{file} was made for {name}, and no model with its weights is found beside "
            "the picture or in runs; name one with --model"
        )
    return found
