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
from pasunchat.story.wording import TERMINAL, Words

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


def caption(photo: PredictedPhoto, words: Words = TERMINAL) -> tuple[str, str]:
    """Two lines under a photo: "real: dog", "read as cat at 97 %"."""
    said = photo.prediction
    key = "read_rightly" if said.label == photo.real else "read_as"
    return (
        words.t("read_real", name=words.cls(photo.real)),
        words.t(key, name=words.cls(said.label), p=words.pc(said.confidence)),
    )


def read_evaluation(run_folder: Path) -> Evaluation | None:
    """The evaluation in a run's folder; None without one. Raises PasunchatError if it is
    damaged."""
    path = run_folder / EVALUATION / RESULT
    return read_json(path, Evaluation) if path.is_file() else None


def accuracy_in_words(evaluation: Evaluation, words: Words = TERMINAL) -> str:
    """Accuracy with its 95 % interval and its count: "79.7 % [78.1, 81.2], 1,993 of 2,500"; of
    all photos "11 of 11 [74.1 or more]"."""
    right, photos = words.cnt(evaluation.right), words.cnt(evaluation.photos)
    return words.t(
        "accuracy_all" if evaluation.right == evaluation.photos else "accuracy",
        share=words.part(evaluation.accuracy),
        interval=words.interval(evaluation.interval),
        counted=words.t("of_n", k=right, n=photos),
    )


def class_cells(
    evaluation: Evaluation, words: Words = TERMINAL
) -> list[tuple[str, str, str, str, str]]:
    """Each class with its photos, precision, recall and F1: ("cat", "11", "81.0 %", "11 of 11",
    "0.895")."""
    predicted = [sum(column) for column in zip(*evaluation.confusion, strict=True)]
    return [
        (
            words.cls(row.name),
            words.cnt(row.photos),
            words.part(row.precision, of),
            words.part(row.recall, row.photos),
            words.num(row.f1, 3),
        )
        for row, of in zip(evaluation.classes, predicted[: len(evaluation.classes)], strict=True)
    ]


def floor_in_words(evaluation: Evaluation, words: Words = TERMINAL) -> str:
    """Whether it is better than always answering the largest class, in a sentence."""
    largest = max(evaluation.classes, key=lambda each: each.photos)
    unsure = "floor_not_shown" if evaluation.accuracy > evaluation.floor else "floor_no"
    return words.t(
        "floor_beats" if evaluation.beats_floor else unsure,
        name=words.cls(largest.name),
        k=words.cnt(largest.photos),
        n=words.cnt(evaluation.photos),
        right=words.cnt(evaluation.right),
        photos=words.n("n_photos", evaluation.photos),
    )


def coin_in_words(evaluation: Evaluation, words: Words = TERMINAL) -> str:
    """What fooling a network means that does not beat the floor, in a sentence."""
    return words.t("coin_may" if evaluation.accuracy > evaluation.floor else "coin_is")


def cure(network: str | None, words: Words = TERMINAL) -> str:
    """What to do about a network that is not shown to be better than a guess, in a sentence.
    network: its name in NETWORKS; None for one made elsewhere."""
    if network is None:
        return words.t("cure_elsewhere")
    return words.t("cure_pretrained" if is_pretrained(network) else "cure_own")


def classes_left_out(number: int, words: Words = TERMINAL) -> str:
    """That a classifier has classes of which there is no photo, in a sentence."""
    return words.n("cmp_more_classes", number)
