"""pasunchat verify: does a saved picture hold what its receipt says?"""

from pathlib import Path
from typing import Annotated

import typer

from pasunchat.commands.models import note_model
from pasunchat.commands.printing import print_json, say

EXAMPLES = (
    "pasunchat verify runs/simple/fooled/rex.cat/rex.cat.png",
    "pasunchat verify rex.cat.png --model simple --photo rex.jpg",
)


def verify(
    files: Annotated[list[Path], typer.Argument(help="PNGs that pasunchat fool wrote.")],
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
    from pasunchat.classifiers.load import load
    from pasunchat.fooled.receipt import verify as verify_
    from pasunchat.words import percent

    models = [model or _receipted(file) for file in files]
    classifiers = {name: load(name) for name in dict.fromkeys(models)}
    found = [
        verify_(file, classifiers[name], photo) for file, name in zip(files, models, strict=True)
    ]
    for name, classifier in classifiers.items():
        note_model(name, classifier)
    if json:
        print_json(found)
    else:
        for each in found:
            said = f"{each.prediction.label} {percent(each.prediction.confidence)}"
            holds = "holds" if each.holds else "does not hold"
            say(f"{each.file}: {holds}; {each.model} reads it as {said}")
            for finding in each.findings:
                say(f"  {finding}")
            if each.receipt and each.holds:
                receipt = each.receipt
                change = f"at most {receipt.largest_change} of 255 levels, L2 {receipt.l2:.2f}"
                was = f"{receipt.before.label} {percent(receipt.before.confidence)}"
                by = receipt.request.attack
                say(f"  before the change, {was}; the change: {change}, by {by}")
    return 0 if all(each.holds for each in found) else 1


def _receipted(file: Path) -> str | None:
    """The model that a picture's receipt is about, by its digest, wherever it is found, one around
    another by its name; None for a picture without a receipt. Raises PasunchatError if it is not
    found."""
    from pasunchat.classifiers.load import find_by_digest
    from pasunchat.classifiers.wrappers import is_wrapped
    from pasunchat.errors import PasunchatError
    from pasunchat.fooled.receipt import read_receipt

    receipt = read_receipt(file)
    if receipt is None:
        return None
    if is_wrapped(receipt.model):
        return receipt.model
    found = find_by_digest(receipt.classifier, file)
    if found is None:
        raise PasunchatError(
            f"{file} was made for {receipt.model}, and no model with its weights is found beside "
            "the picture or in runs; name one with --model"
        )
    return found
