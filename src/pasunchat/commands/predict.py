"""pasunchat predict: what a classifier says of photos."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.printing import print_json, say, table
from pasunchat.errors import PasunchatError

if TYPE_CHECKING:
    from pasunchat.measures.predict import Prediction

EXAMPLES = ("pasunchat predict rex.jpg tom.png", "pasunchat predict photos/ --csv > answers.csv")


def predict(
    photos: Annotated[list[str], typer.Argument(help="Files, folders, or patterns.")],
    model: Annotated[
        str | None, typer.Option(help="A run, or any model (docs/models.md); else the newest run.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Say what is on photos, and how sure the network is."""
    from pasunchat.classifiers.load import load
    from pasunchat.measures.predict import predict as predict_

    if json and as_csv:
        raise PasunchatError("--json and --csv exclude each other; choose one")
    classifier = load(model)
    with progress_bar("looking") as progress:
        predictions = predict_(classifier, photos, progress)
    if all(prediction.reason for prediction in predictions):
        first = predictions[0]
        raise PasunchatError(f"expected photos, but none opens; {first.file}: {first.reason}")
    if json:
        print_json(predictions)
    elif as_csv:
        _print_csv(predictions, classifier.classes)
    else:
        _print(predictions, classifier.known_as)


def _print(predictions: "list[Prediction]", model: str) -> None:
    from pasunchat.words import percent

    table(
        ("photo", "answer", "confidence"),
        [
            (p.file, p.answer or "no photo", p.reason or percent(p.confidence or 0))
            for p in predictions
        ],
    )
    said = next((p for p in predictions if p.answer), None)
    if said:
        say(f"next: pasunchat fool {said.file} --model {model}")


def _print_csv(predictions: "list[Prediction]", classes: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("file", "answer", "confidence", *classes, "reason"))
    for p in predictions:
        chances = [f"{p.probabilities[name]:.6f}" if p.answer else "" for name in classes]
        confidence = "" if p.confidence is None else f"{p.confidence:.6f}"
        writer.writerow((p.file, p.answer or "", confidence, *chances, p.reason or ""))
