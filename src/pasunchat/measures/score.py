"""Evaluation: how often a classifier is right, how sure it is, which photos it gets most wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, Prediction, softmax
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent

BINS = 10
SHOWN = 8


@dataclass(frozen=True)
class ClassScore:
    """How well one class is recognised."""

    name: str
    photos: int  # of this class
    precision: float  # of the photos predicted as it, the share that are of it
    recall: float  # of its photos, the share predicted as it
    f1: float  # the harmonic mean of precision and recall


@dataclass(frozen=True)
class Bin:
    """The photos predicted with a confidence from `low` to `high`."""

    low: float
    high: float
    photos: int  # how many there are
    confidence: float  # their mean
    accuracy: float  # the share that is right


@dataclass(frozen=True)
class PredictedPhoto:
    """One photo of a dataset and what the classifier predicts for it."""

    row: int  # in the dataset
    name: str  # of its file
    real: str  # its class
    prediction: Prediction
    real_confidence: float  # the probability of its real class


@dataclass(frozen=True)
class Evaluation:
    """How good a classifier is on one split."""

    model: str  # the name that loads the classifier
    classifier: str  # its digest
    dataset: str  # its digest
    split: str
    photos: int
    right: int  # how many of the photos are predicted rightly
    accuracy: float
    interval: tuple[float, float]  # 95 % Wilson interval of the accuracy
    floor: float  # the accuracy of always predicting the largest class
    balanced_accuracy: float  # the mean recall of the classes
    log_loss: float  # in nats
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows are real classes, columns predicted ones
    calibration_error: float  # mean gap of confidence and accuracy over the bins, by their photos
    bins: tuple[Bin, ...]
    confidence_when_right: float | None  # the mean; None without such photos
    confidence_when_wrong: float | None
    best: tuple[PredictedPhoto, ...]  # those with the most confidence in their real class
    worst: tuple[PredictedPhoto, ...]  # those with the least

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the confusion matrix."""
        return tuple(row.name for row in self.classes)

    @property
    def beats_floor(self) -> bool:
        """Whether it is shown to be better than always predicting the largest class."""
        return self.interval[0] > self.floor


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    split: str = "test",
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a classifier on a split ("train", "validation", "test" or "all").

    progress: (photos done, photos). Raises PasunchatError if classifier and dataset do not fit each
    other, or the split is empty.
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
    """The evaluation that follows from probabilities [N, C] for rows [N] of a dataset."""
    from scipy.stats import binomtest
    from sklearn import metrics

    labels, indices = dataset.labels[rows], np.arange(len(dataset.classes))
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    right = predicted == labels
    interval = binomtest(int(right.sum()), len(rows)).proportion_ci(method="wilson")
    bins = _bins(confidence, right)
    photos = _photos(dataset, rows, probabilities)
    by_confidence = sorted(photos, key=lambda photo: (photo.real_confidence, photo.row))
    return Evaluation(
        model=classifier.known_as,
        classifier=classifier.digest(),
        dataset=dataset.digest,
        split=split,
        photos=len(rows),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        interval=(float(interval.low), float(interval.high)),
        floor=float(np.bincount(labels).max() / len(rows)),
        balanced_accuracy=float(
            metrics.recall_score(labels, predicted, average="macro", zero_division=0.0)
        ),
        log_loss=float(metrics.log_loss(labels, probabilities, labels=indices)),
        classes=_class_scores(dataset, labels, predicted),
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in metrics.confusion_matrix(labels, predicted, labels=indices)
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
    dataset: Dataset, labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> tuple[ClassScore, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(dataset.classes)), zero_division=0.0
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


def _photos(
    dataset: Dataset, rows: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[PredictedPhoto]:
    return [
        PredictedPhoto(
            row=int(row),
            name=dataset.names[row],
            real=dataset.classes[label],
            prediction=Prediction.from_probabilities(of_photo, dataset.classes),
            real_confidence=float(of_photo[label]),
        )
        for row, label, of_photo in zip(rows, dataset.labels[rows], probabilities, strict=True)
    ]
