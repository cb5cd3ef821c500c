"""Comparison: several classifiers on the same photos: which is better, and may that be chance?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, softmax
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.measures.class_match import match_classes
from pasunchat.measures.same_photos import check_all_fit, shared_rows
from pasunchat.measures.score import score
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.words import count, interval_in_words

if TYPE_CHECKING:
    from pandas import DataFrame

CHANCE = 0.05  # a difference is called real below this p


@dataclass(frozen=True)
class Compared:
    """How good one classifier is, and what it costs."""

    name: str
    classifier: str  # its digest
    dataset: str  # the digest of the dataset it was evaluated on
    trained_here: bool | None  # whether it was trained on this dataset; None: not known
    size: int  # side of its images, in pixels
    right: int  # how many photos it predicts rightly
    accuracy: float
    interval: tuple[float, float]  # 95 % Wilson interval of the accuracy
    log_loss: float  # in nats
    calibration_error: float  # mean gap of confidence and accuracy over ten bins, by their photos
    classes_left_out: int  # that it tells apart and of which the dataset has no photo
    parameters: int
    multiply_adds: int  # for one photo; where it is mirrored, for the mirror image too


@dataclass(frozen=True)
class Pair:
    """Two classifiers, photo by photo."""

    better: str  # the one that is right more often; of equals, the one given first
    worse: str
    only_better: int  # photos that only the better one is right on
    only_worse: int  # photos that only the worse one is right on
    p: float  # that equally good ones are at least so far apart there: McNemar's exact test
    p_holm: float  # the same, corrected by Holm's method for the number of pairs

    @property
    def real(self) -> bool:
        """Whether chance alone is an unlikely cause of the difference."""
        return self.p_holm < CHANCE


@dataclass(frozen=True)
class Comparison:
    """Classifiers on the same photos of one split."""

    split: str
    classes: tuple[str, ...]
    photos: int  # that all of them were evaluated on
    left_out: int  # other photos of the split, which are not in every classifier's dataset
    models: tuple[Compared, ...]  # in the order given
    pairs: tuple[Pair, ...]  # each two of them; those with the most accurate one come first

    @property
    def best(self) -> Compared:
        """The most accurate; of several, the one given first."""
        return max(self.models, key=lambda model: model.right)

    def __repr__(self) -> str:
        lines = [
            f"  {model.name}: {model.right} right {interval_in_words(model.interval)} %"
            for model in self.models
        ]
        photos = f"{count(self.photos, 'photo')} of {self.split}"
        return "\n".join((f"<Comparison: {photos}", *lines)) + ">"

    def to_pandas(self) -> "DataFrame":
        """A row a model. Raises PasunchatError without pandas."""
        return extra("pandas", "pandas").DataFrame([asdict(model) for model in self.models])


def compare(
    classifiers: Mapping[str, Classifier],
    data: Dataset | Mapping[str, Dataset],
    split: str = "test",
    progress: Progress = silent,
) -> Comparison:
    """Evaluate classifiers, under names that the caller chooses, on the same photos of a split.

    data: one dataset that fits all, or one for each name, as `datasets_for` makes them.
    progress: (photos done, photos times classifiers).

    Raises PasunchatError for fewer than two classifiers, the same one twice, a dataset that does
    not fit or has classes that one of them does not know, or no photo that is in every dataset.
    """
    check_comparable(classifiers)
    datasets = dict.fromkeys(classifiers, data) if isinstance(data, Dataset) else data
    check_all_fit(classifiers, datasets)
    rows = shared_rows(datasets, split)
    photos = len(next(iter(rows.values())))
    models, right = [], {}
    for done, (name, classifier) in enumerate(classifiers.items()):
        rest = _from(progress, done * photos, len(classifiers) * photos)
        model, right[name] = _compared(name, classifier, datasets[name], split, rows[name], rest)
        models.append(model)
    return Comparison(
        split=split,
        classes=next(iter(datasets.values())).classes,
        photos=photos,
        left_out=max(len(dataset.rows(split)) for dataset in datasets.values()) - photos,
        models=tuple(models),
        pairs=tuple(_pairs(right)),
    )


def check_comparable(classifiers: Mapping[str, Classifier]) -> None:
    """Raise PasunchatError unless these are two classifiers or more, none twice."""
    if len(classifiers) < 2:
        raise PasunchatError(
            f"expected at least two models to compare, got {len(classifiers)}; name another"
        )
    names: dict[str, str] = {}
    for name, classifier in classifiers.items():
        twin = names.setdefault(classifier.digest(), name)
        if twin != name:
            raise PasunchatError(
                f"{twin} and {name} are the same model, weight for weight; name each once"
            )


def _from(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _compared(
    name: str,
    classifier: Classifier,
    dataset: Dataset,
    split: str,
    rows: NDArray[np.int64],
    progress: Progress,
) -> tuple[Compared, NDArray[np.bool_]]:
    """One classifier's results, and bool [N]: on which of the rows it is right."""
    probabilities = softmax(classifier.logits(dataset.pixels, rows, progress=progress))
    found = score(classifier, dataset, split, rows, probabilities)
    summary = describe(classifier, dataset.size)
    source = classifier.info.trained_on
    model = Compared(
        name=name,
        classifier=found.classifier,
        dataset=dataset.digest,
        trained_here=None if source is None else source == dataset.digest,
        size=dataset.size,
        right=found.right,
        accuracy=found.accuracy,
        interval=found.interval,
        log_loss=found.log_loss,
        calibration_error=found.calibration_error,
        classes_left_out=found.left_out,
        parameters=summary.parameters,
        multiply_adds=summary.multiply_adds * (2 if classifier.info.mirrored else 1),
    )
    real = match_classes(classifier, dataset).outputs[dataset.labels[rows]]
    return model, probabilities.argmax(1) == real


def _pairs(right: Mapping[str, NDArray[np.bool_]]) -> list[Pair]:
    """Every pair, the most accurate first, with p corrected for their number."""
    ranked = sorted(right, key=lambda name: -int(right[name].sum()))
    found = []
    for better, worse in combinations(ranked, 2):
        only_better = int((right[better] & ~right[worse]).sum())
        only_worse = int((right[worse] & ~right[better]).sum())
        found.append((better, worse, only_better, only_worse, mcnemar(only_better, only_worse)))
    corrected = holm([pair[-1] for pair in found])
    return [Pair(*pair, p_holm) for pair, p_holm in zip(found, corrected, strict=True)]


def mcnemar(only_first: int, only_second: int) -> float:
    """p of McNemar's exact test, two-sided: that a fair coin deals the photos that only one of two
    classifiers is right on at least so unevenly. 1 without such photos."""
    from scipy.stats import binomtest

    apart = only_first + only_second
    return float(binomtest(only_first, apart, 0.5).pvalue) if apart else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected by Holm's method (1979), in the order given: the smallest times their
    number, the next times one less, and so on; never above 1, nor below a smaller one's."""
    corrected, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
