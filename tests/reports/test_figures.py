"""The figures of a run and an evaluation, and what is seen in them."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from pasunchat.measures.compare import Comparison
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.measures.score import Bin, Evaluation
from pasunchat.pictures.figures import styled
from pasunchat.reports.confusion import confusion_matrix, seen_in_confusion
from pasunchat.reports.curves import curves, draw_curves, seen_in_curves
from pasunchat.reports.reliability import reliability, seen_in_reliability
from pasunchat.reports.robustness import robustness_curve
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.training.run import Epoch, Run


def with_losses(
    run: Run, training: list[float], validation: list[float], error: float | None = None
) -> Run:
    rows = zip(training, validation, strict=True)
    history = [
        Epoch(n, ours, ours, 0.8, theirs, 0.7, error) for n, (ours, theirs) in enumerate(rows, 1)
    ]
    return replace(run, history=tuple(history))


@pytest.mark.parametrize(
    ("training", "validation", "words"),
    [
        ([], [], "No epoch has been measured yet."),
        ([0.6], [0.7], "One epoch was measured: 70.0 %"),
        ([0.6, 0.5], [0.7, 0.6], "still falling in the last epoch, 2"),
        ([0.6, 0.5], [0.6, 0.7], "validation does not. The weights of epoch 1 are kept."),
        ([0.6, 0.7, 0.8], [0.6, 0.7, 0.8], "neither training nor validation improves."),
    ],
)
def test_what_curves_show(
    run: Run, training: list[float], validation: list[float], words: str
) -> None:
    assert words in seen_in_curves(with_losses(run, training, validation))


@pytest.mark.parametrize(
    ("defend", "words"),
    [
        (
            "linf:2/255",
            "of some of them 60.0 % when attacked within 2 of 255 levels, in four steps",
        ),
        ("noise:0.25", "of some of them 60.0 % under noise of 0.25. How"),
    ],
)
def test_a_defended_run_shows_what_it_withstands(run: Run, defend: str, words: str) -> None:
    defended = with_losses(run, [0.6, 0.5], [0.7, 0.6])
    rows = [replace(row, robust_accuracy=0.7 - row.epoch / 10) for row in defended.history]
    defended = replace(
        defended,
        history=tuple(rows),
        recipe=replace(run.recipe, defend=defend),
        info=replace(run.info, best_epoch=1),
    )
    assert words in seen_in_curves(defended)
    assert "Kept are the weights of epoch 1: 70.0 %" in seen_in_curves(defended)
    with styled():
        figure = curves(defended, ("loss", "accuracy"))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sum(label.startswith("validation, ") for label in labels) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.04, "and validation rises, from 0.6 to 0.7: overfitting. The weights of epoch 2"),
        (0.06, "training goes on improving and validation does not. The weights of epoch 2"),
    ],
)
def test_overfitting_is_said_where_validation_rises_by_more_than_chance(
    run: Run, error: float, words: str
) -> None:
    found = seen_in_curves(with_losses(run, [0.6, 0.4, 0.3], [0.8, 0.6, 0.7], error))
    assert words in found


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


def test_both_axes_of_the_confusion_matrix_are_named(evaluation: Evaluation) -> None:
    with styled():
        (axes,) = confusion_matrix(evaluation).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("real", "predicted")
    shown = [text.get_text().splitlines()[0] for text in axes.texts]
    assert shown == [str(number) for row in evaluation.confusion for number in row]


def words_in(figure: Figure) -> str:
    """All that a figure says, its axes' labels among it."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def test_no_figure_says_a_hundred_per_cent(
    evaluation: Evaluation, comparison: Comparison, run: Run, attacked: tuple[Path, Robustness]
) -> None:
    cat, dog = evaluation.classes
    sure = Bin(low=0.9, high=1.0, photos=evaluation.photos, confidence=1.0, accuracy=1.0)
    perfect = replace(
        evaluation, confusion=((cat.photos, 0), (0, dog.photos)), right=evaluation.photos,
        accuracy=1.0, bins=(sure,),
    )  # fmt: skip
    models = tuple(replace(model, right=100, accuracy=1.0) for model in comparison.models)
    history = tuple(
        replace(row, training_accuracy=1.0, validation_accuracy=1.0) for row in run.history
    )
    with styled():
        for figure in (
            confusion_matrix(perfect),
            reliability(perfect),
            tradeoff(replace(comparison, models=models)),
            curves(replace(run, history=history), ("loss", "accuracy")),
            robustness_curve(attacked[1]),
        ):
            said = words_in(figure)
            assert said.strip() and not re.search(r"100(\.0)? ?%", said)


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
    ("confidence", "words"),
    [(0.9, "surer than it is right"), (0.69, "can be believed"), (0.5, "right more often")],
)
def test_what_the_reliability_shows(evaluation: Evaluation, confidence: float, words: str) -> None:
    bin = replace(evaluation.bins[0], photos=evaluation.photos, confidence=confidence)
    assert words in seen_in_reliability(replace(evaluation, accuracy=0.7, bins=(bin,)))
