"""Several classifiers on one axis: what is proved of each, and what an attack showed, on the same
photos. A norm has an axis of its own, since a size in one says nothing of a size in another."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.certificates.certify import Asked
from pasunchat.classifiers.classifier import Classifier
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.measures.certified import Certified, read_certified
from pasunchat.measures.gaps import WIDEST, Beside, Gap, attack_beside, contradictions
from pasunchat.measures.robust_accuracy import CurvePoint, farthest
from pasunchat.measures.same_photos import shared_rows
from pasunchat.photos.dataset import Dataset

DEPENDS_ON_SIZE = ("l2",)  # norms in which a change of a larger picture is longer


@dataclass(frozen=True)
class PhotoGap:
    """One photo of one model: how much of it is not known."""

    model: str
    photo: str
    real: str  # its class
    proved: float
    shown: float | None  # None: no change that fools was found

    @property
    def gap(self) -> Gap:
        """The same, infinite where nothing was found."""
        return Gap(self.photo, self.real, self.proved, inf if self.shown is None else self.shown)


@dataclass(frozen=True)
class ShownByAttack:
    """What an attack showed: robust accuracy, an upper bound."""

    attack: str
    effort: str
    levels: int | None  # of a value, of the pictures that it searched; None: any number
    curve: tuple[CurvePoint, ...]  # from radius 0 on; each share holds from its radius on
    wrong: tuple[str, ...]  # photos that a change within the proved radius fools
    widest: tuple[PhotoGap, ...]  # the photos of which least is known, the widest gap first

    def accuracy_within(self, radius: float) -> float:
        """Robust accuracy at a radius, 0 or more: at most so many withstand every attack."""
        far = farthest(radius, self.levels)
        return [at.accuracy for at in self.curve if at.radius <= far][-1]


@dataclass(frozen=True)
class OnAxis:
    """One classifier on the axis."""

    name: str
    method: str  # in CERTIFICATES
    asked: Asked
    proved: tuple[CurvePoint, ...]  # from radius 0 on; each share holds up to its radius
    shown: ShownByAttack | None  # None: no attack on the same photos in this norm

    def accuracy_at(self, radius: float) -> float:
        """Certified accuracy at a radius, 0 or more: at least so many withstand every attack."""
        return next((at.accuracy for at in self.proved if at.radius >= radius), 0.0)


@dataclass(frozen=True)
class SharedAxis:
    """Classifiers of which something is proved in one norm on the same photos."""

    norm: str
    split: str
    limit: int | None  # how many photos, spread evenly over the split; None: all
    photos: int
    models: tuple[OnAxis, ...]  # in the order given
    without: tuple[str, ...]  # the others: without a certificate in this norm on these photos

    @property
    def widest(self) -> list[PhotoGap]:
        """The widest gaps of all models, the widest first."""
        every = [each for model in self.models if model.shown for each in model.shown.widest]
        return sorted(every, key=lambda each: each.gap.order)[:WIDEST]

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Model and photo where a change within what is proved is shown: one of both is wrong."""
        return [
            (model.name, photo)
            for model in self.models
            if model.shown
            for photo in model.shown.wrong
        ]


@dataclass(frozen=True)
class _Found:
    """A finished certificate of one of the classifiers."""

    name: str
    certified: Certified
    beside: Beside | None
    places: frozenset[int]  # of its photos among those that all datasets share
    size: int  # of the pictures

    @property
    def key(self) -> tuple[object, ...]:
        """Those with the same one may stand on one axis."""
        norm = self.certified.norm
        return norm, self.places, self.size if norm in DEPENDS_ON_SIZE else None


def shared_axes(
    classifiers: Mapping[str, Classifier], datasets: Mapping[str, Dataset], split: str
) -> tuple[SharedAxis, ...]:
    """An axis for each norm in which certificates of these classifiers on this split are finished,
    read from their runs (else from the working directory), each with the attack on the same photos
    that shows most.

    Where those of a norm are of several sets of photos, the set that most of the classifiers share
    counts, and of these the largest; of several certificates, the one that proves most. Raises
    PasunchatError if a file of theirs is damaged.
    """
    rows = shared_rows(datasets, split)
    groups: dict[tuple[object, ...], list[_Found]] = defaultdict(list)
    for name, classifier in classifiers.items():
        for found in _certificates(name, classifier, datasets[name], split, rows[name]):
            groups[found.key].append(found)
    best: dict[str, list[_Found]] = {}
    for group in groups.values():
        norm = group[0].certified.norm
        best[norm] = max(best.get(norm, group), group, key=_told)
    return tuple(_axis(found, tuple(classifiers)) for _, found in sorted(best.items()))


def _told(group: Sequence[_Found]) -> tuple[int, int]:
    return len({found.name for found in group}), len(group[0].places)


def _certificates(
    name: str, classifier: Classifier, dataset: Dataset, split: str, rows: NDArray[np.int64]
) -> list[_Found]:
    """The finished ones of this classifier whose photos are all shared."""
    folder, place_of = classifier.origin or Path(), {int(row): at for at, row in enumerate(rows)}
    wanted, attacks, found = (classifier.digest(), dataset.digest, split), read_attacks(folder), []
    for _, certified in read_certified(folder):
        info, photos = certified.info, [photo.row for photo in certified.certified]
        if (info.classifier, info.dataset, info.split) != wanted or not place_of.keys() >= {
            *photos
        }:
            continue
        places = frozenset(place_of[row] for row in photos)
        beside = attack_beside(certified, attacks)
        found.append(_Found(name, certified, beside, places, dataset.size))
    return found


def _axis(group: Sequence[_Found], names: Sequence[str]) -> SharedAxis:
    most = {
        name: max((found for found in group if found.name == name), key=_proved)
        for name in names
        if name in {found.name for found in group}
    }
    first = next(iter(most.values())).certified
    return SharedAxis(
        norm=first.norm,
        split=first.info.split,
        limit=first.info.limit,
        photos=first.photos,
        models=tuple(map(_on_axis, most.values())),
        without=tuple(name for name in names if name not in most),
    )


def _proved(found: _Found) -> tuple[float, bool]:
    """How much is proved, and of equals whether an attack stands beside it."""
    certified = found.certified
    return sum(at.radius for at in certified.certified if at.receipt), found.beside is not None


def _on_axis(found: _Found) -> OnAxis:
    certified, beside = found.certified, found.beside
    return OnAxis(
        name=found.name,
        method=certified.info.method,
        asked=certified.info.asked,
        proved=certified.curve,
        shown=_shown(found.name, beside) if beside else None,
    )


def _shown(model: str, beside: Beside) -> ShownByAttack:
    attack = beside.attack
    return ShownByAttack(
        attack=attack.info.request.attack,
        effort=attack.info.request.effort,
        levels=attack.info.request.levels,
        curve=attack.curve,
        wrong=tuple(gap.name for gap in contradictions(beside.gaps)),
        widest=tuple(
            PhotoGap(model, gap.name, gap.real, gap.proved, gap.shown if gap.shown < inf else None)
            for gap in beside.gaps[:WIDEST]
        ),
    )
