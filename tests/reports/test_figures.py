from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.measures.score import Evaluation, PredictedPhoto
from pasunchat.photos.dataset import Dataset
from pasunchat.pictures.figures import styled
from pasunchat.reports.confusion import confusion_matrix, seen_in_confusion
from pasunchat.reports.curves import draw_curves, seen_in_curves
from pasunchat.reports.evaluation import (
    caption,
    evaluation_folder,
    read_evaluation,
    write_evaluation,
)
from pasunchat.reports.reliability import seen_in_reliability
from pasunchat.training.run import Epoch, Run


def with_losses(run: Run, training: list[float], validation: list[float]) -> Run:
    rows = zip(training, validation, strict=True)
    history = [Epoch(n, ours, ours, 0.8, theirs, 0.7) for n, (ours, theirs) in enumerate(rows, 1)]
    return replace(run, history=tuple(history))


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        ([], [], "No epoch has been measured yet."),
        ([0.6], [0.7], "One epoch was measured: 70.0 %"),
        ([0.6, 0.5], [0.7, 0.6], "still falling in the last epoch, 2"),
        ([0.6, 0.5], [0.6, 0.7], "the first sign of overfitting. The weights of epoch 1 are kept."),
        ([0.6, 0.4, 0.3], [0.6, 0.7, 0.8], "validation does not: overfitting."),
        ([0.6, 0.7, 0.8], [0.6, 0.7, 0.8], "neither training nor validation improves."),
    ],
)
def test_what_curves_show(
    run: Run, training: list[float], validation: list[float], said: str
) -> None:
    assert said in seen_in_curves(with_losses(run, training, validation))


def test_curves_are_the_same_bytes_whatever_the_settings(run: Run, tmp_path: Path) -> None:
    files = draw_curves(run, tmp_path)
    assert [file.name for file in files] == ["curves.png", "curves.svg"]
    first = [file.read_bytes() for file in files]
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.facecolor": "red"}):
        draw_curves(run, tmp_path)
    assert [file.read_bytes() for file in files] == first


def test_pictures_do_not_say_when_or_by_what_they_were_made(run: Run, tmp_path: Path) -> None:
    png, svg = draw_curves(run, tmp_path)
    with Image.open(png) as picture:
        assert picture.info.keys() <= {"dpi"}
    assert b"date" not in svg.read_bytes() and b"Matplotlib" not in svg.read_bytes()


def test_no_curves_without_an_epoch(run: Run, tmp_path: Path) -> None:
    assert draw_curves(with_losses(run, [], []), tmp_path) == []


def test_drawing_leaves_no_setting_behind() -> None:
    with matplotlib.rc_context({"font.size": 30}):
        with styled():
            assert matplotlib.rcParams["font.size"] == 11
        assert matplotlib.rcParams["font.size"] == 30


def test_an_evaluation_is_written_whole(evaluation: Evaluation, dataset: Dataset, run: Run) -> None:
    files = write_evaluation(run.folder / "evaluation", evaluation, dataset)
    names = {file.name for file in files}
    assert names >= {
        "evaluation.json", "best.png", "worst.png",
        "confusion.png", "confusion.svg", "reliability.png", "reliability.svg",
    }  # fmt: skip
    assert read_evaluation(run.folder) == evaluation
    shown = {f"{photo.row}.png" for photo in (*evaluation.best, *evaluation.worst)}
    assert shown <= names
    with pytest.raises(PasunchatError, match="exists already"):
        write_evaluation(run.folder / "evaluation", evaluation, dataset)


def test_an_evaluation_is_the_same_bytes_again(
    evaluation: Evaluation, dataset: Dataset, tmp_path: Path
) -> None:
    first = write_evaluation(tmp_path / "one", evaluation, dataset)
    second = write_evaluation(tmp_path / "two", evaluation, dataset)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_both_axes_of_the_confusion_matrix_are_named(evaluation: Evaluation) -> None:
    with styled():
        (axes,) = confusion_matrix(evaluation).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("real", "predicted")
    shown = [text.get_text().splitlines()[0] for text in axes.texts]
    assert shown == [str(number) for row in evaluation.confusion for number in row]


def test_what_the_confusion_matrix_shows(evaluation: Evaluation) -> None:
    cat, dog = evaluation.classes
    talk = replace(
        evaluation,
        classes=(replace(cat, photos=1250), replace(dog, photos=1250)),
        confusion=((1013, 237), (270, 980)),
    )
    assert seen_in_confusion(talk) == (
        "270 of 1,250 photos of dog are read as cat; 237 of 1,250 photos of cat are read as dog."
    )
    perfect = replace(talk, photos=2500, confusion=((1250, 0), (0, 1250)))
    assert seen_in_confusion(perfect) == "All 2,500 photos are read rightly."


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.9, "surer than it is right"), (0.69, "can be believed"), (0.5, "right more often")],
)
def test_what_the_reliability_shows(evaluation: Evaluation, confidence: float, said: str) -> None:
    bin = replace(evaluation.bins[0], photos=evaluation.photos, confidence=confidence)
    assert said in seen_in_reliability(replace(evaluation, accuracy=0.7, bins=(bin,)))


def test_captions_say_real_and_predicted() -> None:
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
