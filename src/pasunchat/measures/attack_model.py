"""A classifier attacked on photos in memory: how many withstand, within each radius."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from pasunchat.attacks.fool import Request, without_grid
from pasunchat.classifiers.classifier import Classifier, digest_of
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.inputs import Labels, Photos, classes_of, pixels_of
from pasunchat.measures.attack_block import (
    BLOCK,
    Labelled,
    SplitProgress,
    Subject,
    attack_block,
    saved_block,
    silent,
)
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.class_match import match_classes
from pasunchat.measures.radii import Radii, requests_for, values_of
from pasunchat.measures.robust_accuracy import (
    AttackRunInfo,
    RobustAccuracy,
    Robustness,
    robustness,
)
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import silent as unreported
from pasunchat.storage import sha256

if TYPE_CHECKING:
    from pandas import DataFrame

Batch = tuple[Photos, Labels]
# All photos with their classes; batches of them, as a DataLoader gives; or a Dataset
Data = Dataset | Batch | Iterable[Batch] | TorchDataset[Any]


@dataclass(frozen=True)
class ModelRobustness:
    """What an attack on photos in memory found."""

    robustness: Robustness
    photos: tuple[AttackedPhoto, ...]  # in their order

    @property
    def accuracy(self) -> float:
        """The share that is read rightly before anything was changed."""
        return self.robustness.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return self.robustness.interval

    @property
    def within(self) -> tuple[RobustAccuracy, ...]:
        """Robust accuracy at each radius that was asked for."""
        return self.robustness.within

    @property
    def distances(self) -> tuple[float, ...]:
        """The distance within which each photo is misread: 0 where it was from the start, infinite
        where the attack found nothing."""
        return tuple(photo.enough for photo in self.photos)

    def __repr__(self) -> str:
        return repr(self.robustness).replace("<Robustness:", "<ModelRobustness:", 1)

    def _repr_html_(self) -> str:
        """A table with a row a radius, for a notebook."""
        return self.robustness._repr_html_()

    def to_pandas(self) -> "DataFrame":
        """A row a photo. Raises PasunchatError without pandas."""
        return extra("pandas", "pandas").DataFrame([asdict(photo) for photo in self.photos])


def attack_model(
    model: Model,
    data: Data,
    radii: Radii | None = None,
    request: Request | None = None,
    *,
    split: str = "test",
    limit: int | None = None,
    progress: Callable[[SplitProgress], None] = silent,
    **options: Any,
) -> ModelRobustness:
    """Attack each photo: the goal is to leave its real class. Nothing is written.

    model, and photos and labels in data: as `fool` takes them. data: a pair (photos, labels); a
    DataLoader or other batches of such pairs; or a Dataset, of which `split` is taken. radii: at
    which robust accuracy is wanted, see `requests_for`. request, or its fields as options: as for
    `fool`. limit: attack so many photos, of a Dataset spread evenly over the split, else the first.
    Robust accuracy is an upper bound: another attack may find smaller changes.
    Raises PasunchatError for bad input, or if there is no photo.
    """
    classifier = as_classifier(model)
    blocks = _blocks(classifier, data, split, limit)
    first = next(blocks, None)
    if first is None:
        raise PasunchatError("data: expected photos with their classes, got none")
    requests = requests_for(*without_grid(first.pixels, request, options), radii)
    photos: list[AttackedPhoto] = []
    digests: list[str] = []
    whole, started = _number_of(data, split, limit), time.monotonic()
    for block in chain([first], blocks):
        photos += _attacked(classifier, block, requests, len(photos))
        digests += [
            digest_of({"pixels": pixels, "label": label})
            for pixels, label in zip(block.pixels, block.labels, strict=True)
        ]
        done, fooled = len(photos), sum(photo.fooled for photo in photos)
        left = max((whole or done) - done, 0)
        seconds = (time.monotonic() - started) / done * left if whole else None
        progress(SplitProgress(done, done + left, fooled, seconds))
    info = AttackRunInfo(
        classifier=classifier.digest(), dataset=sha256(*digests), limit=limit,
        split=split if isinstance(data, Dataset) else "all", photos=len(photos),
        request=requests[-1].info(), block=BLOCK, version=version("pasunchat"),
        radii=values_of(radii),
    )  # fmt: skip
    there = {photo.real for photo in photos}
    classes = [name for name in first.classes if name in there]
    found = robustness(info, classes, photos, classifier.known_as)
    return ModelRobustness(found, tuple(photos))


def attacked_rows(dataset: Dataset, split: str, limit: int | None) -> NDArray[np.int64]:
    """The rows to be attacked: all of the split, or `limit` of them spread evenly over it.

    Raises PasunchatError if there is none.
    """
    _refuse_limit(limit)
    rows = dataset.rows(split)
    if not len(rows):
        raise PasunchatError(f'{dataset.folder} has no photo in its split "{split}"')
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.arange(limit) * len(rows) // limit]


def _refuse_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise PasunchatError(f"limit: expected 1 photo or more, got {limit}")


@dataclass(frozen=True)
class _Block:
    """A few photos that are attacked together."""

    pixels: Tensor  # [N, 3, H, W]
    labels: Tensor  # int64 [N]
    classes: tuple[str, ...]  # of the classifier, all different


def _blocks(classifier: Classifier, data: Data, split: str, limit: int | None) -> Iterator[_Block]:
    """The data in blocks of at most BLOCK photos, until the limit."""
    _refuse_limit(limit)
    left = limit
    classes: tuple[str, ...] = ()
    for photos, labels in _batches(classifier, data, split, limit):
        pixels = pixels_of(photos, classifier)
        classes = classes or _class_names(classifier, pixels[:1])
        numbers = classes_of(labels, list(classes), len(pixels))
        for start in range(0, len(pixels), BLOCK):
            rows = slice(start, start + (BLOCK if left is None else min(BLOCK, left)))
            yield _Block(pixels[rows], numbers[rows], classes)
            if left is not None:
                left -= len(pixels[rows])
                if not left:
                    return


def _batches(classifier: Classifier, data: Data, split: str, limit: int | None) -> Iterator[Batch]:
    """Pairs of photos and labels, however the data hold them."""
    if isinstance(data, Dataset):
        check_fit(classifier, data)
        rows = attacked_rows(data, split, limit)
        outputs = match_classes(classifier, data).outputs
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            yield data.pixels[block], torch.from_numpy(outputs[data.labels[block]])
        return
    if isinstance(data, tuple):
        yield _pair(data)
        return
    if isinstance(data, TorchDataset):
        data = DataLoader(data, batch_size=BLOCK)
    if isinstance(data, str | Mapping | Tensor) or not isinstance(data, Iterable):
        raise _no_pair(data)
    yield from map(_pair, data)


def _pair(batch: Any) -> Batch:
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise _no_pair(batch)
    return batch[0], batch[1]


def _no_pair(value: object) -> PasunchatError:
    return PasunchatError(
        "data: expected a pair (photos, labels), or a DataLoader or a list of such pairs, got "
        f"{type(value).__name__}; give (photos, labels)"
    )


def _number_of(data: Data, split: str, limit: int | None) -> int | None:
    """How many photos there are, where that is known before they are read."""
    if isinstance(data, Dataset):
        return len(attacked_rows(data, split, limit))
    held: Any = data[0] if isinstance(data, tuple) else getattr(data, "dataset", data)
    several = isinstance(held, list | TorchDataset) or getattr(held, "ndim", 0) == 4
    if not several or not hasattr(held, "__len__"):
        return limit
    return len(held) if limit is None else min(limit, len(held))


def _class_names(classifier: Classifier, pixels: Tensor) -> tuple[str, ...]:
    """A name for each output, those that occur twice with their places: ImageNet has two cranes."""
    total = classifier.predict_logits(pixels).shape[1]
    names = [classifier.class_name(index) for index in range(total)]
    times = Counter(names)
    return tuple(
        name if times[name] == 1 else f"{name} ({place})" for place, name in enumerate(names)
    )


def _attacked(
    classifier: Classifier, block: _Block, requests: tuple[Request, ...], before: int
) -> list[AttackedPhoto]:
    """before: photos of the blocks before this."""
    rows = np.arange(len(block.pixels))
    names = [str(before + row) for row in rows.tolist()]
    photos = Labelled(
        lambda rows: block.pixels[torch.from_numpy(rows)],
        block.labels.numpy(), names, block.classes,
    )  # fmt: skip
    subject = Subject(classifier, "", photos, requests)
    found = saved_block(subject, rows, attack_block(subject, rows, unreported))
    return [replace(photo, row=before + photo.row) for photo in found.photos]
