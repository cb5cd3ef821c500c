"""An evaluation's folder and words."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.measures.score import Evaluation, PredictedPhoto
from pasunchat.photos.dataset import Dataset
from pasunchat.reports.evaluation import (
    accuracy_in_words,
    caption,
    evaluation_folder,
    mistaken_for,
    read_evaluation,
    worst_classes,
    write_evaluation,
)
from pasunchat.training.run import Run


def test_accuracy_in_words_has_interval_and_count(evaluation: Evaluation) -> None:
    talk = replace(evaluation, photos=2500, right=1993, accuracy=0.7972, interval=(0.7810, 0.8125))
    assert accuracy_in_words(talk) == "79.7 % [78.1, 81.2], 1,993 of 2,500"
    all_right = replace(evaluation, photos=400, right=400, accuracy=1.0, interval=(0.9906, 1.0))
    assert accuracy_in_words(all_right) == "400 of 400 [99.1 or more]"


def test_an_evaluation_is_written_whole(evaluation: Evaluation, dataset: Dataset, run: Run) -> None:
    files = write_evaluation(run.folder / "evaluation", evaluation, dataset)
    names = {file.name for file in files}
    assert names >= {
        "evaluation.json", "classes.csv", "best.png", "worst.png",
        "confusion.png", "confusion.svg", "reliability.png", "reliability.svg",
    }  # fmt: skip
    assert read_evaluation(run.folder) == evaluation
    shown = {f"{photo.row}.png" for photo in (*evaluation.best, *evaluation.worst)}
    assert shown <= names
    with pytest.raises(PasunchatError, match="exists already"):
        write_evaluation(run.folder / "evaluation", evaluation, dataset)


def test_classes_are_listed_with_their_row_of_the_confusion_matrix(
    evaluation: Evaluation, dataset: Dataset, tmp_path: Path
) -> None:
    write_evaluation(tmp_path / "it", evaluation, dataset)
    with (tmp_path / "it" / "classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(evaluation.class_names)
    for row, counts in zip(rows, evaluation.confusion, strict=True):
        assert [int(row[f"as {name}"]) for name in evaluation.predicted_names] == list(counts)


def test_the_worst_classes_come_first_with_what_they_are_mistaken_for(
    evaluation: Evaluation,
) -> None:
    cat, dog = evaluation.classes
    found = replace(
        evaluation,
        classes=(replace(cat, recall=0.9), replace(dog, recall=0.5)),
        confusion=((9, 1), (0, 5)),
    )
    assert worst_classes(found) == [1, 0] and worst_classes(found, most=1) == [1]
    assert mistaken_for(found, 0) == f"{dog.name} (1)" and mistaken_for(found, 1) == ""


def test_an_evaluation_is_the_same_bytes_again(
    evaluation: Evaluation, dataset: Dataset, tmp_path: Path
) -> None:
    first = write_evaluation(tmp_path / "one", evaluation, dataset)
    second = write_evaluation(tmp_path / "two", evaluation, dataset)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_caption_names_the_real_and_the_predicted_class() -> None:
    wrong = PredictedPhoto(3, "dog/3.png", "dog", Prediction("cat", 0.9999), 0.0001)
    assert caption(wrong) == ("real: dog", "read as cat at more than 99.9 %")
    right = PredictedPhoto(3, "dog/3.png", "dog", Prediction("dog", 0.9), 0.9)
    assert caption(right) == ("real: dog", "rightly read as dog at 90 %")


def test_other_photos_get_an_evaluation_folder_of_their_own(
    classifier: Classifier, dataset: Dataset, run: Run
) -> None:
    other = replace(dataset, facts=replace(dataset.facts, digest="e" * 64))
    folders = [
        evaluation_folder(classifier, dataset, "test").name,
        evaluation_folder(classifier, dataset, "validation").name,
        evaluation_folder(classifier, other, "test").name,
    ]
    assert folders == ["evaluation", "evaluation-validation", "evaluation-eeeeeeee"]
    (run.folder / "evaluation").mkdir()
    with pytest.raises(PasunchatError, match="exists already"):
        evaluation_folder(classifier, dataset, "test")
    assert evaluation_folder(classifier, dataset, "test", overwrite=True).is_dir()
    classifier.origin = None
    with pytest.raises(PasunchatError, match="--output"):
        evaluation_folder(classifier, dataset, "test")
