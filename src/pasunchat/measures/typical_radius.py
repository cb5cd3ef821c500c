"""How large a change must be to fool a classifier, typically: the radius to defend it within."""

import re
from statistics import median

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_model import attack_model
from pasunchat.norms import NORMS
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent

PHOTOS = 100
AUTO = "linf:1x"
MULTIPLE = re.compile(r"(linf|l2):([\d.]+)x(:.*)?")


def typical_radius(
    classifier: Classifier, dataset: Dataset, norm: str, progress: Progress = silent
) -> float:
    """The median distance of the nearest change that fools, in the norm's unit.

    Of 100 validation photos, those that are read rightly; found by the norm's usual attack,
    without a grid. Raises PasunchatError where none is read rightly, or half of them withstand.
    """
    found = attack_model(
        classifier, dataset, split="validation", limit=PHOTOS, norm=norm, levels=None,
        progress=lambda p: progress(p.done, p.photos),
    )  # fmt: skip
    distances = [photo.enough for photo in found.photos if photo.right]
    typical = median(distances) if distances else float("inf")
    if typical == float("inf"):
        raise PasunchatError(
            f"no typical distance: of {len(found.photos)} photos {len(distances)} are read "
            "rightly, and half of these or more withstand the attack; name a radius, as linf:1/255"
        )
    return typical


def with_typical_radius(
    defend: str, classifier: Classifier | None, dataset: Dataset, progress: Progress = silent
) -> str:
    """A recipe's `defend` with a number for a radius that is said as a multiple of the typical one:
    "linf:2x", "l2:1x", or "auto" for "linf:1x". Anything else comes back as it is.

    classifier: whose typical radius it is. Raises PasunchatError where there is none.
    """
    asked = MULTIPLE.fullmatch(AUTO if defend == "auto" else defend)
    if asked is None:
        return defend
    if classifier is None:
        raise PasunchatError(
            f"--defend {defend} measures the model that the training begins from; name it with "
            "--start, or name a radius, as linf:1/255"
        )
    norm, times, method = asked.groups()
    radius = float(times) * typical_radius(classifier, dataset, norm, progress)
    unit = NORMS[norm].axis_unit
    return f"{norm}:{radius * unit:.3g}{f'/{unit}' if unit > 1 else ''}{method or ''}"
