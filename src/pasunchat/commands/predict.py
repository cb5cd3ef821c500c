"""pasunchat predict: what a classifier predicts for photos."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_model
from pasunchat.commands.printing import print_json, say, table
from pasunchat.errors import PasunchatError

if TYPE_CHECKING:
    from pasunchat.measures.predict import FilePrediction

EXAMPLES = ("pasunchat predict rex.jpg tom.png", "pasunchat predict photos/ --csv > answers.csv")


def predict(
    photos: Annotated[list[str], typer.Argument(help="Files, folders, or patterns.")],
    model: Annotated[
        str | None,
        typer.Option(help="A run, or any model (pasunchat docs models); else the newest run."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> int:
    """Say what is on photos, and how sure the network is. Exit status 1: a file was no photo."""
    from pasunchat.photos.files import photo_files

    if json and as_csv:
        raise PasunchatError("--json and --csv exclude each other; choose one")
    photo_files(photos)  # a slip is told before PyTorch is imported
    from pasunchat.classifiers.load import load
    from pasunchat.measures.predict import predict as predict_  # imports PyTorch

    classifier = load(model)
    with progress_bar("predicting") as progress:
        predictions = predict_(classifier, photos, progress)
    if all(prediction.reason for prediction in predictions):
        first = predictions[0]
        raise PasunchatError(f"expected photos, but none opens; {first.file}: {first.reason}")
    note_model(model, classifier)
    if json:
        print_json(predictions)
    elif as_csv:
        _print_csv(predictions, classifier.classes)
    else:
        _print(predictions, classifier.known_as)
    return 1 if any(prediction.reason for prediction in predictions) else 0


def _print(predictions: "list[FilePrediction]", model: str) -> None:
    from pasunchat.words import command, percent

    say(f"model: {model}")
    table(
        ("photo", "label", "confidence"),
        [
            (each.file, each.prediction.label, percent(each.prediction.confidence))
            if each.prediction
            else (each.file, "no photo", "")
            for each in predictions
        ],
    )
    for each in predictions:
        if each.reason:
            say(f"no photo: {each.reason}")
    photo = next((each.file for each in predictions if each.prediction), None)
    if photo:
        say(f"next: {command('fool', photo, '--model', model)}")


def _print_csv(predictions: "list[FilePrediction]", classes: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("file", "label", "confidence", *classes, "reason", "model"))
    for each in predictions:
        found = each.prediction
        label, confidence = (found.label, f"{found.confidence:.6f}") if found else ("", "")
        numbers = [f"{each.probabilities[name]:.6f}" if found else "" for name in classes]
        writer.writerow((each.file, label, confidence, *numbers, each.reason or "", each.model))
