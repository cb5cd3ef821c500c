"""Belief: of the test photos of which a classifier was as sure, how many it read rightly.

A probability is what the network says of itself; how often it is right then is counted, in bins of
confidence (Guo et al. 2017, arXiv:1706.04599, section 2). An evaluation keeps its bins, and the
classifiers that come with the package carry theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.classifiers.shipped import PREFIX, shipped_folder
from pasunchat.intervals import interval_of
from pasunchat.storage import read_json

CALIBRATION = "calibration.json"  # beside the card of a shipped classifier
EVALUATION = Path("evaluation") / "evaluation.json"  # in a run
UNSEEN = ("test", "validation")  # of the photos that it was trained on, nothing follows


@dataclass(frozen=True)
class ConfidenceBin:
    """The photos predicted with a confidence from `low` to `high`."""

    low: float
    high: float
    photos: int
    right: int  # how many of them are predicted rightly


@dataclass(frozen=True)
class Calibration:
    """How often a classifier is right when it is how sure, on photos it was not trained on."""

    classifier: str  # its digest
    dataset: str  # the digest of the photos
    split: str  # which of them: test or validation
    photos: int
    right: int
    calibration_error: float  # mean gap of confidence and accuracy over the bins, by their photos
    bins: tuple[ConfidenceBin, ...]  # ten of equal width; empty ones are left out

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return interval_of(self.right, self.photos)


@dataclass(frozen=True)
class Belief:
    """Of `photos` of which the classifier was as sure, from `low` to `high`, `right` were right."""

    low: float
    high: float
    photos: int
    right: int
    interval: tuple[float, float]  # 95 % Wilson, of the share that is right


def belief(confidence: float, bins: Sequence[ConfidenceBin]) -> Belief | None:
    """How often a classifier was right when it was as sure as this.

    confidence: in [0, 1], of the class it answers. bins: of a `Calibration`. None where no photo
    was answered so surely, or so unsurely. It speaks of photos like those that were counted, not of
    changed ones.
    """
    for each in bins:
        inside = each.low <= confidence < each.high or (each.high >= 1 and confidence >= 1)
        if inside and each.photos:
            interval = interval_of(each.right, each.photos)
            return Belief(each.low, each.high, each.photos, each.right, interval)
    return None


def calibration_of(classifier: Model) -> Calibration | None:
    """What is on record of this very classifier: in its card where it comes with the package, else
    in the evaluation in its run's folder. None where there is none, or only one of photos that it
    was trained on. Raises PasunchatError for a damaged file."""
    classifier = as_classifier(classifier)
    if classifier.known_as.startswith(PREFIX):
        path = shipped_folder(classifier.known_as.removeprefix(PREFIX)) / CALIBRATION
        found = read_json(path, Calibration) if path.is_file() else None
    elif classifier.origin is not None and (classifier.origin / EVALUATION).is_file():
        found = calibration_in(classifier.origin / EVALUATION)
    else:
        return None
    own = found is not None and found.classifier == classifier.digest()
    return found if own and found is not None and found.split in UNSEEN else None


def calibration_in(evaluation: Path) -> Calibration:
    """The calibration in an evaluation.json. Raises PasunchatError for a damaged file."""
    found = read_json(evaluation, _Evaluation)
    return Calibration(
        classifier=found.classifier,
        dataset=found.dataset,
        split=found.split,
        photos=found.photos,
        right=found.right,
        calibration_error=found.calibration_error,
        bins=tuple(
            ConfidenceBin(each.low, each.high, each.photos, round(each.accuracy * each.photos))
            for each in found.bins
        ),
    )


@dataclass(frozen=True)
class _Bin:
    low: float
    high: float
    photos: int
    accuracy: float


@dataclass(frozen=True)
class _Evaluation:
    """What of an evaluation.json is read here; its other fields are passed over."""

    classifier: str
    dataset: str
    split: str
    photos: int
    right: int
    calibration_error: float
    bins: tuple[_Bin, ...]
