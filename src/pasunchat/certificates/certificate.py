"""Certificate: what is proved of a classifier's answer to one photo."""

from dataclasses import dataclass
from enum import StrEnum


class Proof(StrEnum):
    """How a proof ended."""

    PROVED = "proved"  # no change up to the radius changes the right answer
    MISREAD = "misread"  # the answer is wrong without any change
    ABSTAINED = "abstained"  # too few of the votes agree to say anything
    NOT_PROVED = "not_proved"  # this method proves no radius above 0, or not the one asked for


@dataclass(frozen=True)
class Certificate:
    """Proved of one photo: every change up to the radius leaves the answer as it is.

    It holds for the classifier whose digest it names and for no other: a smoothed or a masked
    classifier is not the one inside it.
    """

    proof: Proof
    norm: str  # "linf" or "l2", pixels in [0, 1]; "patch": a square, as a share of the area
    radius: float  # the largest that is proved, or the one asked for; 0 where nothing is
    method: str  # a name in CERTIFICATES
    label: int  # the right class
    answer: int | None  # the class that the classifier answers; None: it abstains
    of: str  # SHA-256 of the classifier, `Classifier.digest()`
    alpha: float | None = None  # largest probability that this is wrong; None: it cannot be
    queries: int = 0  # pictures that the classifier was asked about, or bounds computed
    seed: int | None = None  # of what was drawn; None: nothing was
