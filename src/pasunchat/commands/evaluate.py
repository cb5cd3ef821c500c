"""pasunchat evaluate: how good a trained network is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_letters, note_model
from pasunchat.commands.printing import closing, fits, note_any, print_json, say, table
from pasunchat.errors import PasunchatError

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.score import Evaluation
    from pasunchat.photos.dataset import Dataset

EXAMPLES = (
    "pasunchat evaluate runs/simple",
    "pasunchat evaluate simple --data other-photos/ --split all --output elsewhere",
)


def evaluate(
    model: Annotated[
        str | None,
        typer.Argument(help="A run, or any model (pasunchat docs models); else the newest."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="A dataset, or photos to prepare; else what the run learnt from."),
    ] = None,
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; else in the run.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an evaluation.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a classifier: accuracy and its interval, confusion, calibration, best and worst."""
    from pasunchat.classifiers.load import load
    from pasunchat.measures.score import evaluate as evaluate_
    from pasunchat.measures.score import other_decode
    from pasunchat.reports.evaluation import evaluation_folder, write_evaluation
    from pasunchat.runtime import set_up_runtime
    from pasunchat.words import command

    classifier = load(model).to(set_up_runtime().device)
    dataset = _dataset(classifier, data)
    folder = evaluation_folder(classifier, dataset, split, output, overwrite=overwrite)
    with progress_bar("evaluating") as progress:
        evaluation = evaluate_(classifier, dataset, split, progress)
    write_evaluation(folder, evaluation, dataset, overwrite=True)
    note_model(model, classifier)
    note_letters(dataset.classes)
    note_any(other_decode(classifier, dataset))
    if json:
        print_json(evaluation)
        return
    _print(evaluation, folder, classifier.info.network_name)
    closing(folder, command("fool", "PHOTO", "--model", classifier.known_as))


def _dataset(classifier: "Classifier", data: list[str] | None) -> "Dataset":
    from pasunchat.photos.dataset import open_dataset
    from pasunchat.photos.prepare import dataset_or_prepared
    from pasunchat.training.run import open_run

    if not data:
        if classifier.origin is None:
            raise PasunchatError("this model comes from no run; name a dataset or photos by --data")
        return open_dataset(Path(open_run(classifier.origin).info.data.path))
    with progress_bar("preparing") as progress:
        return dataset_or_prepared(
            data,
            usual_size=classifier.size or 224,
            framing=classifier.framing,
            decode=classifier.decode,
            progress=progress,
        )


def _print(evaluation: "Evaluation", folder: Path, network: str | None) -> None:
    from pasunchat.reports.evaluation import (
        accuracy_in_words,
        classes_left_out,
        cure,
        floor_in_words,
    )
    from pasunchat.words import percent, share

    say(f"model: {evaluation.model}")
    say(f"accuracy on {evaluation.split}: {accuracy_in_words(evaluation)}")
    say(floor_in_words(evaluation))
    if not evaluation.beats_floor:
        say(cure(network))
    if evaluation.left_out:
        say(classes_left_out(evaluation.left_out))
    _print_classes(evaluation, folder)
    right, wrong = evaluation.confidence_when_right, evaluation.confidence_when_wrong
    if right is not None:
        say(f"mean confidence when right: {percent(right)}")
    if wrong is not None:
        say(f"mean confidence when wrong: {percent(wrong)}")
    error = share(evaluation.calibration_error)
    say(f"log loss {evaluation.log_loss:.3f}, calibration error {error}")
    worst = evaluation.worst[0]
    said = worst.prediction
    if worst.real != said.label:
        confidence = percent(said.confidence)
        say(f"most wrong: {worst.name}, a {worst.real} read as {said.label}, {confidence}")


def _print_classes(evaluation: "Evaluation", folder: Path) -> None:
    """The confusion matrix where the terminal is wide enough, else the worst classes in lines."""
    from pasunchat.reports.evaluation import CLASSES, class_cells, mistaken_for, worst_classes

    classes = evaluation.classes
    cells = class_cells(evaluation)
    figures = [(recall, precision, f1) for _, _, precision, recall, f1 in cells]
    whole = [
        (row.name, *(f"{count:,}" for count in counts), *shares)
        for row, counts, shares in zip(classes, evaluation.confusion, figures, strict=True)
    ]
    headings = ("real \\ predicted", *evaluation.predicted_names, "recall", "precision", "F1")
    shown = worst_classes(evaluation)
    if len(shown) == len(classes) and fits(headings, whole):
        table(headings, whole)
        return
    table(
        ("class", "photos", "recall", "precision", "F1", "read as instead"),
        [
            (classes[k].name, f"{classes[k].photos:,}", *figures[k], mistaken_for(evaluation, k))
            for k in shown
        ],
    )
    if len(shown) < len(classes):
        say(f"the {len(shown)} worst of {len(classes):,} classes; all are in {folder / CLASSES}")
