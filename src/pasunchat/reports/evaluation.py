"""An evaluation: its files on disk, with figures and the best and the worst photos, and its results
in words."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pasunchat.classifiers.build import is_pretrained
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.score import Evaluation, PredictedPhoto
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import write_png
from pasunchat.pictures.figures import styled, write_figure
from pasunchat.pictures.sheet import draw_sheet
from pasunchat.reports.confusion import confusion_matrix
from pasunchat.reports.reliability import reliability
from pasunchat.storage import read_json, refuse_existing, whole_folder, write_json
from pasunchat.words import count, interval_in_words, percent, share

EVALUATION, RESULT, CLASSES, PHOTOS = "evaluation", "evaluation.json", "classes.csv", "photos"
COLUMNS = 4
SHOWN_CLASSES = 10


def evaluation_folder(
    classifier: Classifier,
    dataset: Dataset,
    split: str,
    output: Path | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Where an evaluation is written: `output`, by default in the classifier's run, as `evaluation`
    for the test photos of the dataset it learnt from, and under another name for other photos.

    Raises PasunchatError if that exists and `overwrite` is false, or the classifier comes from no
    run.
    """
    if output is None:
        if classifier.origin is None:
            raise PasunchatError(
                "this classifier comes from no run; say with --output where to write"
            )
        other_split = "" if split == "test" else f"-{split}"
        same_data = dataset.digest == classifier.info.trained_on
        other_data = "" if same_data else f"-{dataset.digest[:8]}"
        output = classifier.origin / f"{EVALUATION}{other_split}{other_data}"
    refuse_existing(output, overwrite=overwrite)
    return output


def write_evaluation(
    folder: Path, evaluation: Evaluation, dataset: Dataset, *, overwrite: bool = False
) -> list[Path]:
    """Fill `folder`, whole or not at all: evaluation.json, classes.csv, confusion and reliability
    as PNG and SVG, best.png, worst.png, and photos/ROW.png for each photo on them. Returns the
    files.

    dataset: the one that was evaluated on. Raises PasunchatError if `folder` exists and `overwrite`
    is false.
    """
    with whole_folder(folder, overwrite=overwrite) as part:
        write_json(part / RESULT, evaluation)
        _write_classes(part / CLASSES, evaluation)
        with styled():
            write_figure(confusion_matrix(evaluation), part, "confusion")
            write_figure(reliability(evaluation), part, "reliability")
        for name, photos in (("best", evaluation.best), ("worst", evaluation.worst)):
            _write_photos(part, name, photos, dataset)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write_classes(path: Path, evaluation: Evaluation) -> None:
    """A row a class: how well it is recognised, and its row of the confusion matrix."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        as_each = (f"as {name}" for name in evaluation.predicted_names)
        writer.writerow(("class", "photos", "recall", "precision", "f1", *as_each))
        for row, counts in zip(evaluation.classes, evaluation.confusion, strict=True):
            figures = (f"{value:.6f}" for value in (row.recall, row.precision, row.f1))
            writer.writerow((row.name, row.photos, *figures, *counts))


def worst_classes(evaluation: Evaluation, most: int = SHOWN_CLASSES) -> list[int]:
    """Places of the classes that are recognised worst, by recall, the worst first."""
    classes = evaluation.classes
    return sorted(range(len(classes)), key=lambda k: (classes[k].recall, classes[k].f1, k))[:most]


def mistaken_for(evaluation: Evaluation, place: int) -> str:
    """What the photos of a class are read as most often instead: "otter (3)"; empty for none."""
    counts = zip(evaluation.confusion[place], evaluation.predicted_names, strict=True)
    real = evaluation.classes[place].name
    count, name = max((pair for pair in counts if pair[1] != real), default=(0, ""))
    return f"{name} ({count:,})" if count else ""


def _write_photos(
    folder: Path, name: str, photos: Sequence[PredictedPhoto], dataset: Dataset
) -> None:
    images = [np.asarray(dataset.pixels[photo.row]) for photo in photos]
    for photo, image in zip(photos, images, strict=True):
        write_png(photo_file(folder, photo), image, {})
    captions = ["\n".join(caption(photo)) for photo in photos]
    draw_sheet(folder / f"{name}.png", images, captions, columns=COLUMNS)


def photo_file(folder: Path, photo: PredictedPhoto) -> Path:
    """Where an evaluation's folder keeps one of its best or worst photos."""
    return folder / PHOTOS / f"{photo.row}.png"


def caption(photo: PredictedPhoto) -> tuple[str, str]:
    """Two lines under a photo: "real: dog", "read as cat at 97 %"."""
    said = photo.prediction
    right = said.label == photo.real
    return (
        f"real: {photo.real}",
        f"{'rightly ' if right else ''}read as {said.label} at {percent(said.confidence)}",
    )


def read_evaluation(run_folder: Path) -> Evaluation | None:
    """The evaluation in a run's folder; None without one. Raises PasunchatError if it is
    damaged."""
    path = run_folder / EVALUATION / RESULT
    return read_json(path, Evaluation) if path.is_file() else None


def accuracy_in_words(evaluation: Evaluation) -> str:
    """Accuracy with its 95 % interval and its count: "79.7 % [78.1, 81.2], 1,993 of 2,500"; of
    all photos "11 of 11 [74.1 or more]"."""
    counted = f"{count(evaluation.right)} of {count(evaluation.photos)}"
    interval = interval_in_words(evaluation.interval)
    if evaluation.right == evaluation.photos:
        return f"{counted} {interval}"
    return f"{share(evaluation.accuracy)} {interval}, {counted}"


def class_cells(evaluation: Evaluation) -> list[tuple[str, str, str, str, str]]:
    """Each class with its photos, precision, recall and F1: ("cat", "11", "81.0 %", "11 of 11",
    "0.895")."""
    predicted = [sum(column) for column in zip(*evaluation.confusion, strict=True)]
    return [
        (
            row.name,
            count(row.photos),
            share(row.precision, of),
            share(row.recall, row.photos),
            f"{row.f1:.3f}",
        )
        for row, of in zip(evaluation.classes, predicted[: len(evaluation.classes)], strict=True)
    ]


def floor_in_words(evaluation: Evaluation) -> str:
    """Whether it is better than always answering the largest class, in a sentence."""
    largest = max(evaluation.classes, key=lambda each: each.photos)
    always = f"always answering {largest.name} would be right on {count(largest.photos)}"
    if evaluation.beats_floor:
        return f"{always[0].upper()}{always[1:]} of {count(evaluation.photos)}."
    verdict = "is not shown to be" if evaluation.accuracy > evaluation.floor else "is no"
    return (
        f"This {verdict} better than a guess: it is right on {count(evaluation.right)} of "
        f"{count(evaluation.photos, 'photo')}, and {always}."
    )


def coin_in_words(evaluation: Evaluation) -> str:
    """What fooling a network means that does not beat the floor, in a sentence."""
    verdict = "may be" if evaluation.accuracy > evaluation.floor else "is"
    return (
        f"To fool it {verdict} to fool a coin: what is no better than a guess is wrong without any "
        "noise."
    )


def cure(network: str | None) -> str:
    """What to do about a network that is not shown to be better than a guess, in a sentence.
    network: its name in NETWORKS; None for one made elsewhere."""
    if network is None:
        return (
            "Check that its classes are in the order of its outputs, and its preprocessing (scale, "
            "mean, std); then measure on more photos."
        )
    if is_pretrained(network):
        return (
            "Give it more photos of each class, look whether they lie in the right folders, and "
            "measure on more of them."
        )
    return (
        "Train the pretrained network, which needs few photos (--network efficientnet-lite0), or "
        "give this one some thousand photos."
    )


def classes_left_out(number: int) -> str:
    """That a classifier has classes of which there is no photo, in a sentence."""
    return (
        f"the model has {count(number, 'more class', 'more classes')}, of which there is no photo "
        "here; a photo read as one of them is read wrongly"
    )
