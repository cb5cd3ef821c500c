"""What the report says of an evaluation: accuracy, mistakes, and whether it can be believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

from pasunchat.measures.score import Evaluation, PredictedPhoto
from pasunchat.reports.confusion import confusion_matrix, seen_in_confusion
from pasunchat.reports.evaluation import EVALUATION, accuracy_in_words, caption, photo_file
from pasunchat.reports.parts import Picture, Table, embedded_figure, embedded_png
from pasunchat.reports.reliability import reliability, seen_in_reliability
from pasunchat.words import count, percent, share


@dataclass(frozen=True)
class EvaluationSection:
    """Ready for the template."""

    split: str
    accuracy: str
    sentences: tuple[str, ...]
    confusion: Picture
    reliability: Picture
    classes: Table
    best: tuple[Picture, ...]
    worst: tuple[Picture, ...]


def evaluation_section(evaluation: Evaluation, run_folder: Path) -> EvaluationSection:
    """All that the report shows of a run's evaluation."""
    folder = run_folder / EVALUATION
    return EvaluationSection(
        split=evaluation.split,
        accuracy=accuracy_in_words(evaluation),
        sentences=(_floor(evaluation), _confidence(evaluation)),
        confusion=embedded_figure(
            lambda: confusion_matrix(evaluation),
            "Confusion matrix: real classes in rows, predicted classes in columns",
            seen_in_confusion(evaluation),
        ),
        reliability=embedded_figure(
            lambda: reliability(evaluation),
            "Reliability diagram: the share that is right, against the confidence",
            seen_in_reliability(evaluation),
        ),
        classes=_classes(evaluation),
        best=_pictures(folder, evaluation.best),
        worst=_pictures(folder, evaluation.worst),
    )


def _floor(evaluation: Evaluation) -> str:
    floor, low = evaluation.floor, evaluation.interval[0]
    verdict = (
        "the network does better than that"
        if low > floor
        else "it is not shown that the network does better than that"
    )
    largest = max(evaluation.classes, key=lambda row: row.photos).name
    return f"Always answering {largest} would be right in {share(floor)} of the cases; {verdict}."


def _confidence(evaluation: Evaluation) -> str:
    right, wrong = evaluation.confidence_when_right, evaluation.confidence_when_wrong
    parts = [
        f"{percent(value)} when it is {name}"
        for value, name in ((right, "right"), (wrong, "wrong"))
        if value is not None
    ]
    return (
        f"Its mean confidence is {' and '.join(parts)}. "
        f"Its log loss is {evaluation.log_loss:.3f}: 0 would be always right and sure of it, "
        f"{log(len(evaluation.classes)):.3f} a blind guess."
    )


def _classes(evaluation: Evaluation) -> Table:
    return Table(
        headings=("class", "photos", "precision", "recall", "F1"),
        rows=tuple(
            (row.name, count(row.photos), *map(share, (row.precision, row.recall, row.f1)))
            for row in evaluation.classes
        ),
    )


def _pictures(folder: Path, judged: Sequence[PredictedPhoto]) -> tuple[Picture, ...]:
    return tuple(
        embedded_png(
            photo_file(folder, photo), f"The photo {photo.name}", ", ".join(caption(photo))
        )
        for photo in judged
    )
