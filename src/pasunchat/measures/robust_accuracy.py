"""How much a classifier withstands: what follows from the photos of an attacked split."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from pasunchat.measures.attacked import AttackedPhoto

ROUNDING = 1e-9  # relative: what writing a radius as a decimal number may lose


@dataclass(frozen=True)
class AttackFacts:
    """What was asked for, and of which bytes: facts.json. classifier, dataset: digests.

    limit: how many photos, spread evenly over the split, or None for all. attack: as asked for,
    or None for the norm's own best. radius, confidence, levels: as `fool` takes them.
    block: photos attacked together.
    """

    classifier: str
    dataset: str
    split: str
    limit: int | None
    photos: int
    attack: str | None
    norm: str
    radius: float | None
    confidence: float | None
    levels: int | None
    effort: str
    seed: int
    block: int
    version: str


@dataclass(frozen=True)
class Standing:
    """accuracy: the share of all photos that are read rightly and were not fooled by any change
    found whose distance is at most `radius`."""

    radius: float
    accuracy: float


@dataclass(frozen=True)
class ClassRobustness:
    """One class. right: read rightly before. median: as in Robustness."""

    name: str
    photos: int
    right: int
    fooled: int
    median: float | None


@dataclass(frozen=True)
class Robustness:
    """What an attack on a split found: robustness.json. Distances are in the norm of `facts`.

    attack, settings: the attack that was run; None where every photo was misread before.
    right, accuracy: before anything was changed. fooled, not_reached, no_gradient: of the photos
    read rightly. robust_accuracy: the share of all photos that is right and not fooled by any
    change found. median: the distance within which half of all photos are misread, those misread
    from the start counted as 0 and those not fooled as infinite; None where it is infinite.
    curve: robust accuracy at 0 and at each distance where it falls; like every robust accuracy an
    upper bound, since another attack may find smaller changes. forwards, backwards: queries.
    most_fragile: fooled by the smallest change. most_stubborn: not fooled, and farthest from it;
    else fooled only by the largest change. None where no photo was read rightly.
    """

    facts: AttackFacts
    attack: str | None
    settings: dict[str, Any]
    photos: int
    right: int
    accuracy: float
    fooled: int
    not_reached: int
    no_gradient: int
    robust_accuracy: float
    median: float | None
    curve: tuple[Standing, ...]
    classes: tuple[ClassRobustness, ...]
    forwards: int
    backwards: int
    most_fragile: AttackedPhoto | None
    most_stubborn: AttackedPhoto | None

    def accuracy_within(self, radius: float) -> float:
        """Robust accuracy at a radius, in the norm's unit, 0 or more."""
        reach = radius * (1 + ROUNDING)
        return [at.accuracy for at in self.curve if at.radius <= reach][-1]

    def enough_for(self, share: float) -> float | None:
        """The smallest radius within which a share of all photos, in (0, 1], is misread; None
        where no attack has shown one."""
        least = 1 - share + ROUNDING
        return next((at.radius for at in self.curve if at.accuracy <= least), None)


def robustness(
    facts: AttackFacts,
    attack: str | None,
    settings: dict[str, Any],
    classes: Sequence[str],
    photos: Sequence[AttackedPhoto],
) -> Robustness:
    """What follows from one photo or more. classes: in the order to be told."""
    right = [photo for photo in photos if photo.right]
    fooled = [photo for photo in right if photo.fooled]
    return Robustness(
        facts=facts,
        attack=attack,
        settings=settings,
        photos=len(photos),
        right=len(right),
        accuracy=len(right) / len(photos),
        fooled=len(fooled),
        not_reached=sum(photo.status == "not_reached" for photo in right),
        no_gradient=sum(photo.status == "no_gradient" for photo in right),
        robust_accuracy=(len(right) - len(fooled)) / len(photos),
        median=_median(facts.norm, photos),
        curve=_curve(facts, photos),
        classes=tuple(
            _of_class(facts.norm, name, [photo for photo in photos if photo.real == name])
            for name in classes
        ),
        forwards=sum(photo.forwards for photo in photos),
        backwards=sum(photo.backwards for photo in photos),
        most_fragile=_most_fragile(facts.norm, fooled),
        most_stubborn=_most_stubborn(facts.norm, right),
    )


def _curve(facts: AttackFacts, photos: Sequence[AttackedPhoto]) -> tuple[Standing, ...]:
    enough = np.sort([photo.enough(facts.norm) for photo in photos])
    radii = sorted({0.0, *(d for d in enough.tolist() if isfinite(d)), facts.radius or 0.0})
    standing = len(photos) - np.searchsorted(enough, np.array(radii) * (1 + ROUNDING), "right")
    return tuple(
        Standing(radius, int(count) / len(photos))
        for radius, count in zip(radii, standing, strict=True)
    )


def _median(norm: str, photos: Sequence[AttackedPhoto]) -> float | None:
    """The lower of the two in the middle, so that it is a distance of some photo."""
    enough = sorted(photo.enough(norm) for photo in photos)
    middle = enough[(len(enough) - 1) // 2] if enough else inf
    return middle if isfinite(middle) else None


def _of_class(norm: str, name: str, photos: Sequence[AttackedPhoto]) -> ClassRobustness:
    return ClassRobustness(
        name=name,
        photos=len(photos),
        right=sum(photo.right for photo in photos),
        fooled=sum(photo.fooled for photo in photos),
        median=_median(norm, photos),
    )


def _most_fragile(norm: str, fooled: Sequence[AttackedPhoto]) -> AttackedPhoto | None:
    return min(fooled, key=lambda p: (p.enough(norm), p.l2, p.row), default=None)


def _most_stubborn(norm: str, right: Sequence[AttackedPhoto]) -> AttackedPhoto | None:
    """Of photos not fooled, the one whose closest try is farthest from leaving its class."""

    def order(photo: AttackedPhoto) -> tuple[float, float, float, int]:
        short = 0.0 if photo.fooled else -photo.margin
        return photo.enough(norm), short, photo.l2, -photo.row

    return max(right, key=order, default=None)
