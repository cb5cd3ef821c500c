"""What a certificate and an attack on the same photos say together: up to which size nothing fools
a photo, which change does, and the gap between the two, of which nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_folder import read_photos
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.certified import Certified
from pasunchat.measures.robust_accuracy import Robustness

WIDEST = 5  # photos with the widest gaps that are named
FARTHEST = 1e9  # a distance beyond all others, for photos that were not fooled


@dataclass(frozen=True)
class Gap:
    """One photo on the axis: nothing up to `proved` fools it, a change of `shown` does, and what
    lies between is not known."""

    name: str
    real: str
    proved: float
    shown: float  # infinite where no attack found anything

    @property
    def width(self) -> float:
        """How much is not known."""
        return self.shown - self.proved

    @property
    def order(self) -> tuple[float, float]:
        """Rising: the widest gap first; of those that no attack fooled, what is least proved."""
        return -self.width, self.proved


def gaps(certified: Certified, attacked: Sequence[AttackedPhoto]) -> list[Gap]:
    """What is proved and what is shown of each photo that is right in both, in the order of
    `Gap.order`.

    Raises PasunchatError where they are not about the same photos.
    """
    by_row = {photo.row: photo for photo in attacked}
    if [photo.row for photo in certified.certified if photo.row not in by_row]:
        raise PasunchatError(
            "the certificate and the attack are not about the same photos; give both the same "
            "--split and --limit"
        )
    found = [
        Gap(photo.name, photo.real, photo.radius, by_row[photo.row].enough)
        for photo in certified.certified
        if photo.answer == photo.real and by_row[photo.row].right
    ]
    return sorted(found, key=lambda gap: gap.order)


def contradictions(found: Sequence[Gap]) -> list[Gap]:
    """Photos of which a change within the proved radius is shown: one of the two is wrong."""
    return [gap for gap in found if gap.shown <= gap.proved]


@dataclass(frozen=True)
class Beside:
    """What an attack showed on the photos of a certificate."""

    attack: Robustness
    gaps: tuple[Gap, ...]  # of the photos that are right in both, the widest first


def on_the_same_photos(certified: Certified, attack: Robustness) -> bool:
    """Whether an attack is on the classifier and the photos of a certificate, in its norm."""
    ours, theirs = certified.info, attack.info
    return (theirs.classifier, theirs.dataset, theirs.split, theirs.limit) == (
        ours.classifier, ours.dataset, ours.split, ours.limit,
    ) and theirs.request.norm == certified.norm  # fmt: skip


def beside(certified: Certified, folder: Path, attack: Robustness) -> Beside:
    """A certificate with an attack on the same photos, whose folder is `folder`. Raises
    PasunchatError where photos of the attack are not there."""
    return Beside(attack, tuple(gaps(certified, read_photos(folder, attack))))


def attack_beside(
    certified: Certified, attacks: Sequence[tuple[Path, Robustness]]
) -> Beside | None:
    """Of finished attacks with their folders, the one on the same photos that shows most; None
    where there is none."""
    same = [
        beside(certified, folder, attack)
        for folder, attack in attacks
        if on_the_same_photos(certified, attack)
    ]
    return min(same, key=_shown, default=None)


def _shown(found: Beside) -> float:
    return sum(min(gap.shown, FARTHEST) for gap in found.gaps)
