"""How much a classifier withstands: what follows from the photos of an attacked split."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from pasunchat.attacks.norms import NORMS, Norm
from pasunchat.attacks.result import RequestInfo
from pasunchat.measures.attacked import AttackedPhoto

ROUNDING = 1e-9  # relative: what writing a radius as a decimal number may lose


@dataclass(frozen=True)
class AttackRunInfo:
    """What was asked for, and of which bytes: info.json."""

    classifier: str  # its digest
    dataset: str  # its digest
    split: str
    limit: int | None  # how many photos, spread evenly over the split; None: all
    photos: int
    request: RequestInfo
    block: int  # photos attacked together
    version: str  # of pasunchat


@dataclass(frozen=True)
class CurvePoint:
    """The share of all photos that are read rightly and were not fooled by any change found whose
    distance is at most `radius`."""

    radius: float
    accuracy: float


@dataclass(frozen=True)
class ClassRobustness:
    """One class."""

    name: str
    photos: int
    right: int  # read rightly before anything was changed
    fooled: int
    median: float | None  # as in Robustness


@dataclass(frozen=True)
class Robustness:
    """What an attack on a split found: robustness.json. Distances are in the norm asked for.

    Every robust accuracy is an upper bound: another attack may find smaller changes.
    """

    model: str  # the name that loads the classifier
    info: AttackRunInfo
    photos: int
    right: int  # read rightly before anything was changed
    accuracy: float  # before anything was changed
    fooled: int  # of the photos read rightly, as are the next two
    not_reached: int
    no_gradient: int
    robust_accuracy: float  # share of all photos that is right and not fooled by any change found
    # The distance within which half of all photos are misread: 0 for those misread from the start,
    # infinite for those not fooled. None: infinite.
    median: float | None
    curve: tuple[CurvePoint, ...]  # at 0 and at each distance where robust accuracy falls
    classes: tuple[ClassRobustness, ...]
    forwards: int  # queries
    backwards: int  # gradients
    most_fragile: AttackedPhoto | None  # fooled by the smallest change
    # not fooled, and farthest from it; else fooled only by the largest change
    most_stubborn: AttackedPhoto | None

    @property
    def norm(self) -> Norm:
        """What distances are measured in."""
        return NORMS[self.info.request.norm]

    @property
    def attack(self) -> str | None:
        """The attack that was run; None where every photo was misread before."""
        return self.info.request.attack if self.right else None

    def accuracy_within(self, radius: float) -> float:
        """Robust accuracy at a radius, in the norm's unit, 0 or more."""
        farthest = radius * (1 + ROUNDING)
        return [at.accuracy for at in self.curve if at.radius <= farthest][-1]

    def enough_for(self, share: float) -> float | None:
        """The smallest radius within which a share of all photos, in (0, 1], is misread; None
        where no attack has shown one."""
        least = 1 - share + ROUNDING
        return next((at.radius for at in self.curve if at.accuracy <= least), None)


def robustness(
    info: AttackRunInfo, classes: Sequence[str], photos: Sequence[AttackedPhoto], model: str
) -> Robustness:
    """What follows from one photo or more. classes: in the order in which they are reported.
    model: the name that loads the classifier."""
    right = [photo for photo in photos if photo.right]
    fooled = [photo for photo in right if photo.fooled]
    return Robustness(
        model=model,
        info=info,
        photos=len(photos),
        right=len(right),
        accuracy=len(right) / len(photos),
        fooled=len(fooled),
        not_reached=sum(photo.status == "not_reached" for photo in right),
        no_gradient=sum(photo.status == "no_gradient" for photo in right),
        robust_accuracy=(len(right) - len(fooled)) / len(photos),
        median=_median(photos),
        curve=_curve(info.request.radius or 0.0, photos),
        classes=tuple(
            _of_class(name, [photo for photo in photos if photo.real == name]) for name in classes
        ),
        forwards=sum(photo.forwards for photo in photos),
        backwards=sum(photo.backwards for photo in photos),
        most_fragile=min(fooled, key=lambda p: (p.enough, p.l2, p.row), default=None),
        most_stubborn=_most_stubborn(right),
    )


def _curve(radius: float, photos: Sequence[AttackedPhoto]) -> tuple[CurvePoint, ...]:
    enough = np.sort([photo.enough for photo in photos])
    radii = sorted({0.0, *(d for d in enough.tolist() if isfinite(d)), radius})
    robust = len(photos) - np.searchsorted(enough, np.array(radii) * (1 + ROUNDING), "right")
    return tuple(
        CurvePoint(radius, int(count) / len(photos))
        for radius, count in zip(radii, robust, strict=True)
    )


def _median(photos: Sequence[AttackedPhoto]) -> float | None:
    """The lower of the two in the middle, so that it is a distance of some photo."""
    enough = sorted(photo.enough for photo in photos)
    middle = enough[(len(enough) - 1) // 2] if enough else inf
    return middle if isfinite(middle) else None


def _of_class(name: str, photos: Sequence[AttackedPhoto]) -> ClassRobustness:
    return ClassRobustness(
        name=name,
        photos=len(photos),
        right=sum(photo.right for photo in photos),
        fooled=sum(photo.fooled for photo in photos),
        median=_median(photos),
    )


def _most_stubborn(right: Sequence[AttackedPhoto]) -> AttackedPhoto | None:
    """Of photos not fooled, the one whose closest try is farthest from leaving its class."""

    def order(photo: AttackedPhoto) -> tuple[float, float, float, int]:
        short = 0.0 if photo.fooled else -photo.margin
        return photo.enough, short, photo.l2, -photo.row

    return max(right, key=order, default=None)
