"""Evaluation: how often a classifier is right, how sure it is, which photos it gets most wrong."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, Prediction, softmax
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.intervals import interval_of
from pasunchat.measures.class_match import ClassMatch, match_classes
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.words import count, interval_in_words, share

if TYPE_CHECKING:
    from pandas import DataFrame

OTHERS = "another class"  # a column of the confusion: classes of which there is no photo
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
    left_out: int  # classes of the classifier of which the dataset has no photo
    # rows are real classes, columns predicted ones; where classes are left out, the last is OTHERS
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float  # mean gap of confidence and accuracy over the bins, by their photos
    bins: tuple[Bin, ...]
    confidence_when_right: float | None  # the mean; None without such photos
    confidence_when_wrong: float | None
    best: tuple[PredictedPhoto, ...]  # those with the most confidence in their real class
    worst: tuple[PredictedPhoto, ...]  # those with the least

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the rows of the confusion matrix."""
        return tuple(row.name for row in self.classes)

    @property
    def beats_floor(self) -> bool:
        """Whether it is shown to be better than always predicting the largest class."""
        return self.interval[0] > self.floor

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """In the order of its columns."""
        return (*self.class_names, OTHERS) if self.left_out else self.class_names

    def __repr__(self) -> str:
        return (
            f"<Evaluation: {self.right} of {count(self.photos, 'photo')} of {self.split} right "
            f"{interval_in_words(self.interval)} %, always the largest class {share(self.floor)}; "
            f"{count(len(self.classes), 'class', 'classes')}, log loss {self.log_loss:.3f}>"
        )

    def _repr_html_(self) -> str:
        """A table with a row a class, for a notebook."""
        from pasunchat.pictures.notebook import table_html

        columns = ("class", "photos", "recall", "precision", "F1")
        rows = [
            (
                row.name,
                count(row.photos),
                share(row.recall, row.photos),
                share(row.precision),
                f"{row.f1:.3f}",
            )
            for row in self.classes
        ]
        return table_html(columns, rows, repr(self).strip("<>"))

    def to_pandas(self) -> "DataFrame":
        """A row a class. Raises PasunchatError without pandas."""
        return extra("pandas", "pandas").DataFrame([asdict(row) for row in self.classes])


def evaluate(
    model: Model,
    dataset: Dataset,
    split: str = "test",
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a classifier on a split ("train", "validation", "test" or "all").

    model: as `fool` takes it. progress: (photos done, photos). Raises PasunchatError if classifier
    and dataset do not fit each other, or the split is empty.
    """
    if not isinstance(dataset, Dataset):
        raise PasunchatError(
            f"data: expected a Dataset, got {type(dataset).__name__}; prepare the photos, or take "
            "attack_model, which says how many are right before anything is changed"
        )
    classifier = as_classifier(model)
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
    """The evaluation that follows from probabilities [N, C] for rows [N] of a dataset.

    All classes of the classifier count: a photo that is predicted as one of which the dataset has
    no photo is wrong.
    """
    from sklearn import metrics

    match, labels = match_classes(classifier, dataset), dataset.labels[rows]
    real, indices = match.outputs[labels], np.arange(len(dataset.classes) + bool(match.left_out))
    place = np.full(len(match.names), len(dataset.classes))
    place[match.outputs] = np.arange(len(dataset.classes))
    predicted, confidence = place[probabilities.argmax(1)], probabilities.max(1)
    right = predicted == labels
    bins = _bins(confidence, right)
    photos = _photos(dataset, rows, probabilities, match)
    by_confidence = sorted(photos, key=lambda photo: (photo.real_confidence, photo.row))
    return Evaluation(
        model=classifier.known_as,
        classifier=classifier.digest(),
        dataset=dataset.digest,
        split=split,
        photos=len(rows),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        interval=interval_of(int(right.sum()), len(rows)),
        floor=float(np.bincount(labels).max() / len(rows)),
        balanced_accuracy=float(
            metrics.recall_score(
                labels, predicted, labels=np.unique(labels), average="macro", zero_division=0.0
            )
        ),
        log_loss=float(metrics.log_loss(real, probabilities, labels=np.arange(len(match.names)))),
        classes=_class_scores(dataset, labels, predicted),
        left_out=match.left_out,
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in metrics.confusion_matrix(labels, predicted, labels=indices)[
                : len(dataset.classes)
            ]
        ),
        calibration_error=sum(abs(b.confidence - b.accuracy) * b.photos for b in bins) / len(rows),
        bins=bins,
        confidence_when_right=_mean(confidence[right]),
        confidence_when_wrong=_mean(confidence[~right]),
        best=tuple(reversed(by_confidence[-SHOWN:])),
        worst=tuple(by_confidence[:SHOWN]),
    )


def check_fit(classifier: Classifier, dataset: Dataset) -> None:
    """Raise PasunchatError unless the dataset's size and framing are the classifier's, and each of
    its classes is one of the classifier's."""
    for what, theirs, ours in (
        ("size", dataset.size, classifier.size),
        ("framing", dataset.framing, classifier.framing),
    ):
        if ours is not None and theirs != ours:
            raise PasunchatError(
                f"the classifier was made for {what} {ours}, but {dataset.folder} has {theirs}; "
                "prepare the photos again to fit, or name another model"
            )
    match_classes(classifier, dataset)


def other_decode(classifier: Classifier, dataset: Dataset) -> str | None:
    """That a dataset's photos are decoded otherwise than the classifier states, in a sentence; None
    where they are not."""
    if classifier.decode == dataset.decode:
        return None
    return (
        f"the photos of {dataset.folder} are decoded {dataset.decode}, but this model reads photos "
        f"{classifier.decode}, so that predict may answer otherwise; prepare them again with "
        f"--decode {classifier.decode}"
    )


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
    dataset: Dataset,
    rows: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    match: ClassMatch,
) -> list[PredictedPhoto]:
    return [
        PredictedPhoto(
            row=int(row),
            name=dataset.names[row],
            real=dataset.classes[label],
            prediction=Prediction.from_probabilities(of_photo, match.names),
            real_confidence=float(of_photo[match.outputs[label]]),
        )
        for row, label, of_photo in zip(rows, dataset.labels[rows], probabilities, strict=True)
    ]
