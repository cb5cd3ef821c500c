"""How often a classifier is right, how sure it is, and which photos it gets most wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, softmax
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent

BINS = 10
SHOWN = 8


@dataclass(frozen=True)
class ClassScore:
    """One class. precision: of photos read as it, the share that are; recall: of its photos, the
    share read as it; f1: their harmonic mean. photos: how many there are."""

    name: str
    photos: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Bin:
    """Photos answered with a confidence from `low` to `high`: their number, mean confidence, and
    the share that are right."""

    low: float
    high: float
    photos: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Judged:
    """One photo of the dataset. row: in the dataset. confidence: in the answer; right_confidence:
    in the real class."""

    row: int
    name: str
    real: str
    predicted: str
    confidence: float
    right_confidence: float


@dataclass(frozen=True)
class Evaluation:
    """How good a classifier is on one split.

    interval: 95 % Wilson interval of the accuracy. floor: accuracy of always answering the
    largest class. confusion: rows are real classes, columns predicted ones. log_loss: in nats.
    calibration_error: mean gap of confidence and accuracy over the bins, weighted by photos.
    best, worst: the photos with the most and the least confidence in their real class.
    """

    classifier: str
    dataset: str
    split: str
    photos: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    floor: float
    balanced_accuracy: float
    log_loss: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    bins: tuple[Bin, ...]
    confidence_when_right: float | None
    confidence_when_wrong: float | None
    best: tuple[Judged, ...]
    worst: tuple[Judged, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the confusion matrix."""
        return tuple(row.name for row in self.classes)


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    split: str = "test",
    progress: Progress = silent,
) -> Evaluation:
    """Judge the photos of a split ("train", "validation", "test" or "all").

    Raises PasunchatError if classifier and dataset do not fit each other, or the split is empty.
    """
    check_fit(classifier, dataset)
    rows = dataset.rows(split)
    if not len(rows):
        raise PasunchatError(f'{dataset.folder} has no photo in its split "{split}"')
    probabilities = softmax(classifier.logits(dataset.pixels, rows, progress=progress))
    return score(classifier, dataset, split, rows, probabilities)


def score(
    classifier: Classifier,
    dataset: Dataset,
    split: str,
    rows: NDArray[np.int64],
    probabilities: NDArray[np.float64],
) -> Evaluation:
    """The evaluation that follows from probabilities, [N, C], for some rows of a dataset."""
    from scipy.stats import binomtest
    from sklearn import metrics

    labels, indices = dataset.labels[rows], np.arange(len(dataset.classes))
    answers, confidence = probabilities.argmax(1), probabilities.max(1)
    right = answers == labels
    interval = binomtest(int(right.sum()), len(rows)).proportion_ci(method="wilson")
    bins = _bins(confidence, right)
    judged = _judged(dataset, rows, probabilities)
    by_confidence = sorted(judged, key=lambda photo: (photo.right_confidence, photo.row))
    return Evaluation(
        classifier=classifier.digest(),
        dataset=dataset.digest,
        split=split,
        photos=len(rows),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        interval=(float(interval.low), float(interval.high)),
        floor=float(np.bincount(labels).max() / len(rows)),
        balanced_accuracy=float(
            metrics.recall_score(labels, answers, average="macro", zero_division=0.0)
        ),
        log_loss=float(metrics.log_loss(labels, probabilities, labels=indices)),
        classes=_class_scores(dataset, labels, answers),
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in metrics.confusion_matrix(labels, answers, labels=indices)
        ),
        calibration_error=sum(abs(b.confidence - b.accuracy) * b.photos for b in bins) / len(rows),
        bins=bins,
        confidence_when_right=_mean(confidence[right]),
        confidence_when_wrong=_mean(confidence[~right]),
        best=tuple(reversed(by_confidence[-SHOWN:])),
        worst=tuple(by_confidence[:SHOWN]),
    )


def check_fit(classifier: Classifier, dataset: Dataset) -> None:
    """Raise PasunchatError unless the dataset's classes, size and framing are the classifier's."""
    for what, theirs, ours in (
        ("classes", dataset.classes, classifier.classes),
        ("size", dataset.size, classifier.size),
        ("framing", dataset.framing, classifier.framing),
    ):
        if ours is not None and theirs != ours:
            raise PasunchatError(
                f"the classifier was made for {what} {_words(ours)}, but {dataset.folder} has "
                f"{_words(theirs)}; prepare the photos again to fit, or name another model"
            )


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _class_scores(
    dataset: Dataset, labels: NDArray[np.int64], answers: NDArray[np.int64]
) -> tuple[ClassScore, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        labels, answers, labels=np.arange(len(dataset.classes)), zero_division=0.0
    )
    return tuple(
        ClassScore(name, int(photos), float(precision), float(recall), float(f1))
        for name, precision, recall, f1, photos in zip(dataset.classes, *columns, strict=True)
    )


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Ten equal bins of confidence; empty ones are left out."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            low=k / BINS,
            high=(k + 1) / BINS,
            photos=int((place == k).sum()),
            confidence=float(confidence[place == k].mean()),
            accuracy=float(right[place == k].mean()),
        )
        for k in range(BINS)
        if (place == k).any()
    )


def _judged(
    dataset: Dataset, rows: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[Judged]:
    return [
        Judged(
            row=int(row),
            name=dataset.names[row],
            real=dataset.classes[label],
            predicted=dataset.classes[int(chances.argmax())],
            confidence=float(chances.max()),
            right_confidence=float(chances[label]),
        )
        for row, label, chances in zip(rows, dataset.labels[rows], probabilities, strict=True)
    ]
