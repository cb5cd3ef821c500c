"""How much a classifier withstands: what follows from the photos of an attacked split."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

import numpy as np

from pasunchat.attacks.problem import TINY
from pasunchat.attacks.result import RequestInfo
from pasunchat.extras import extra
from pasunchat.intervals import interval_of
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.norms import NORMS, Norm
from pasunchat.norms import ROUNDING as FLOAT_ROUNDING
from pasunchat.words import count, interval_in_words, share

if TYPE_CHECKING:
    from pandas import DataFrame

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
    radii: tuple[float, ...] = ()  # at which robust accuracy was asked for


@dataclass(frozen=True)
class CurvePoint:
    """The share of all photos that are read rightly and were not fooled by any change found whose
    distance is at most `radius`."""

    radius: float
    accuracy: float


@dataclass(frozen=True)
class RobustAccuracy:
    """How many photos withstood an attack within a radius: they are read rightly, and no change
    found there fools. An upper bound of how many withstand every attack."""

    radius: float
    withstood: int  # photos
    photos: int
    accuracy: float  # the share that withstood
    interval: tuple[float, float]  # 95 % Wilson interval of the share


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
    within: tuple[RobustAccuracy, ...] = ()  # at each radius that was asked for

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy before anything was changed."""
        return interval_of(self.right, self.photos)

    @property
    def norm(self) -> Norm:
        """What distances are measured in."""
        return NORMS[self.info.request.norm]

    @property
    def attack(self) -> str | None:
        """The attack that was run; None where every photo was misread before."""
        return self.info.request.attack if self.right else None

    def __repr__(self) -> str:
        return "\n".join((f"<Robustness: {self._summary()}", *self._lines(), self._caveat() + ">"))

    def _repr_html_(self) -> str:
        """A table with a row a radius, for a notebook."""
        from pasunchat.pictures.notebook import table_html

        columns = ("within", "withstood this attack", "of", "robust accuracy", "95 % interval")
        rows = [
            (
                self.info.request.size_in_words(at.radius), count(at.withstood), count(at.photos),
                share(at.accuracy), interval_in_words(at.interval),
            )
            for at in self.within
        ]  # fmt: skip
        return table_html(columns, rows, f"{self._summary()}; {self._caveat()}")

    def to_pandas(self) -> "DataFrame":
        """The curve: a row for each radius where robust accuracy falls. Raises PasunchatError
        without pandas."""
        return extra("pandas", "pandas").DataFrame([asdict(at) for at in self.curve])

    def _summary(self) -> str:
        request = self.info.request
        inside = f" within {request.size_in_words(request.radius)}" if request.radius else ""
        return (
            f"{self.right} of {count(self.photos, 'photo')} right without any change "
            f"{interval_in_words(self.interval)} %; {request.attack}{inside} fooled {self.fooled}"
        )

    def _lines(self) -> list[str]:
        size = self.info.request.size_in_words
        lines = [
            f"  within {size(at.radius)}: {at.withstood} of {at.photos} withstood this attack "
            f"{interval_in_words(at.interval)} %"
            for at in self.within
        ]
        if self.no_gradient:
            lines.append(
                f"  {count(self.no_gradient, 'photo')} of these without a gradient to follow: an "
                "attack that needs none may fool them"
            )
        return lines

    def _caveat(self) -> str:
        return "an upper bound: another attack may find more"

    def accuracy_within(self, radius: float) -> float:
        """Robust accuracy at a radius, in the norm's unit, 0 or more."""
        far = farthest(radius, self.info.request.levels)
        return [at.accuracy for at in self.curve if at.radius <= far][-1]

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
        curve=_curve(info.request, photos),
        classes=tuple(
            _of_class(name, [photo for photo in photos if photo.real == name]) for name in classes
        ),
        forwards=sum(photo.forwards for photo in photos),
        backwards=sum(photo.backwards for photo in photos),
        most_fragile=min(fooled, key=lambda p: (p.enough, p.l2, p.row), default=None),
        most_stubborn=_most_stubborn(right),
        within=tuple(_within(radius, info.request.levels, photos) for radius in info.radii),
    )


def farthest(radius: float, levels: int | None) -> float:
    """The largest distance that counts as within a radius. Without a grid it may be longer by as
    much as float arithmetic adds to a change that an attack found inside."""
    if levels is None:
        return radius * (1 + FLOAT_ROUNDING) + TINY
    return radius * (1 + ROUNDING)


def _within(radius: float, levels: int | None, photos: Sequence[AttackedPhoto]) -> RobustAccuracy:
    withstood = sum(photo.enough > farthest(radius, levels) for photo in photos)
    share, interval = withstood / len(photos), interval_of(withstood, len(photos))
    return RobustAccuracy(radius, withstood, len(photos), share, interval)


def _curve(request: RequestInfo, photos: Sequence[AttackedPhoto]) -> tuple[CurvePoint, ...]:
    enough = np.sort([photo.enough for photo in photos])
    radii = sorted({0.0, *(d for d in enough.tolist() if isfinite(d)), request.radius or 0.0})
    ends = [farthest(radius, request.levels) for radius in radii]
    robust = len(photos) - np.searchsorted(enough, ends, "right")
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
