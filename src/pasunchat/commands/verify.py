"""pasunchat verify: does a saved picture hold what its receipt says?"""

from pathlib import Path
from typing import Annotated

import typer

from pasunchat.commands.printing import print_json, say

EXAMPLES = ("pasunchat verify runs/simple/fooled/rex.cat/rex.cat.png --model simple",)


def verify(
    files: Annotated[list[Path], typer.Argument(help="PNGs that pasunchat fool wrote.")],
    model: Annotated[
        str | None, typer.Option(help="A run, or any model (docs/models.md); else the newest run.")
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

    classifier = load(model)
    found = [verify_(file, classifier, photo) for file in files]
    if json:
        print_json(found)
    else:
        for each in found:
            said = f"{each.prediction.label} {percent(each.prediction.confidence)}"
            say(f"{each.file}: {'holds' if each.holds else 'does not hold'}; it is read as {said}")
            for finding in each.findings:
                say(f"  {finding}")
            if each.receipt and each.holds:
                receipt = each.receipt
                change = f"at most {receipt.largest_change} of 255 levels, L2 {receipt.l2:.2f}"
                was = f"{receipt.before.label} {percent(receipt.before.confidence)}"
                by = receipt.request.attack
                say(f"  before the change, {was}; the change: {change}, by {by}")
    return 0 if all(each.holds for each in found) else 1
