"""Several classifiers on the same photos: which is better, and may that be chance?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, softmax
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError
from pasunchat.measures.same_photos import check_all_fit, shared_rows
from pasunchat.measures.score import score
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent

CHANCE = 0.05  # a difference is called real below this p


@dataclass(frozen=True)
class Compared:
    """One classifier. interval: 95 % Wilson interval of the accuracy. log_loss: in nats.
    calibration_error: mean gap of confidence and accuracy over ten bins, weighted by photos.

    classifier, dataset: digests. trained_here: whether it learnt from the training photos of this
    very dataset; None where it does not say from which. multiply_adds: for one photo, and for its
    mirror image where that is asked about too.
    """

    name: str
    classifier: str
    dataset: str
    trained_here: bool | None
    size: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    calibration_error: float
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Pair:
    """Two classifiers, photo by photo. better: the one that is right more often, or, equally
    often, the one given first.

    only_better, only_worse: photos that only this one is right on. p: how likely two classifiers
    that are equally good would be at least as far apart on those photos, by McNemar's exact test.
    p_holm: the same, corrected by Holm's method for the number of pairs compared.
    """

    better: str
    worse: str
    only_better: int
    only_worse: int
    p: float
    p_holm: float

    @property
    def real(self) -> bool:
        """Whether chance alone would hardly make such a difference."""
        return self.p_holm < CHANCE


@dataclass(frozen=True)
class Comparison:
    """Classifiers on the same photos of one split. models: in the order given. pairs: each two of
    them, those with the most accurate one first.

    left_out: photos of the split that not every classifier could be asked about, since they are
    not in the dataset of each.
    """

    split: str
    classes: tuple[str, ...]
    photos: int
    left_out: int
    models: tuple[Compared, ...]
    pairs: tuple[Pair, ...]

    @property
    def best(self) -> Compared:
        """The most accurate; of several, the one given first."""
        return max(self.models, key=lambda model: model.right)


def compare(
    classifiers: Mapping[str, Classifier],
    data: Dataset | Mapping[str, Dataset],
    split: str = "test",
    progress: Progress = silent,
) -> Comparison:
    """Judge the same photos of a split by classifiers under names of your choice.

    data: one dataset that fits all, or one under each name, as `datasets_for` makes them.
    progress is called with (photos judged, photos times classifiers).

    Raises PasunchatError for fewer than two classifiers, the same one twice, different classes,
    a dataset that does not fit, or no photo that all can be asked about.
    """
    check_comparable(classifiers)
    datasets = dict.fromkeys(classifiers, data) if isinstance(data, Dataset) else data
    check_all_fit(classifiers, datasets)
    rows = shared_rows(datasets, split)
    photos = len(next(iter(rows.values())))
    models, right = [], {}
    for done, (name, classifier) in enumerate(classifiers.items()):
        told = _from(progress, done * photos, len(classifiers) * photos)
        model, right[name] = _judged(name, classifier, datasets[name], split, rows[name], told)
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
    """Raise PasunchatError unless these are two classifiers or more, none twice, of the same
    classes."""
    if len(classifiers) < 2:
        raise PasunchatError(
            f"expected at least two models to compare, got {len(classifiers)}; name another"
        )
    (first, model), *others = classifiers.items()
    names = {model.digest(): first}
    for name, other in others:
        if other.classes != model.classes:
            raise PasunchatError(
                f"{first} tells {', '.join(model.classes)} apart and {name} "
                f"{', '.join(other.classes)}; expected models of the same classes"
            )
        twin = names.setdefault(other.digest(), name)
        if twin != name:
            raise PasunchatError(
                f"{twin} and {name} are the same model, weight for weight; name each once"
            )


def _from(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _judged(
    name: str,
    classifier: Classifier,
    dataset: Dataset,
    split: str,
    rows: NDArray[np.int64],
    progress: Progress,
) -> tuple[Compared, NDArray[np.bool_]]:
    """What there is to say of one classifier, and on which of the rows it is right."""
    chances = softmax(classifier.logits(dataset.pixels, rows, progress=progress))
    found = score(classifier, dataset, split, rows, chances)
    summary = describe(classifier, dataset.size)
    source = classifier.trained_on
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
        parameters=summary.parameters,
        multiply_adds=summary.multiply_adds * (2 if classifier.mirrored else 1),
    )
    return model, chances.argmax(1) == dataset.labels[rows]


def _pairs(right: Mapping[str, NDArray[np.bool_]]) -> list[Pair]:
    """Each two, from the most accurate down, with p corrected for their number."""
    ranked = sorted(right, key=lambda name: -int(right[name].sum()))
    found = []
    for better, worse in combinations(ranked, 2):
        only_better = int((right[better] & ~right[worse]).sum())
        only_worse = int((right[worse] & ~right[better]).sum())
        found.append((better, worse, only_better, only_worse, mcnemar(only_better, only_worse)))
    corrected = holm([pair[-1] for pair in found])
    return [Pair(*pair, p_holm) for pair, p_holm in zip(found, corrected, strict=True)]


def mcnemar(only_first: int, only_second: int) -> float:
    """p of McNemar's exact test, two-sided: were the photos that just one of two is right on
    dealt by a fair coin? Without such photos, 1."""
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
