"""An attack on a whole split in words, the same for the terminal, the pictures and the report."""

from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.words import count, factor, percent, share, share_of, tick

SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)


def enough_in_words(found: Robustness) -> list[tuple[str, str]]:
    """How small a change is enough for each of SHARES of all photos: ("50 %", "L2 0.51")."""

    def enough_for(part: float) -> str:
        radius = found.enough_for(part)
        if radius is None:
            return "not found"
        return found.norm.in_words(radius) if radius else "misread as they are"

    return [(tick(part), enough_for(part)) for part in SHARES]


def findings(found: Robustness) -> list[str]:
    """What the attack found, one sentence each."""
    info, radius = found.info, found.info.request.radius
    split = "" if info.split == "all" else f"{info.split} "
    sentences = [
        f"Without any change {share_of(found.accuracy, found.photos, f'{split}photo')} "
        f"{'is' if found.photos == 1 else 'are'} read rightly."
    ]
    if found.attack is None:
        return sentences
    inside = "" if radius is None else f" inside {found.norm.in_words(radius)}"
    sentences.append(
        f"The attack “{found.attack}”{inside} fools {count(found.fooled)} of these "
        f"{count(found.right)}; {_stay_right(found)} right."
    )
    if radius is None:
        sentences.append(_half(found))
    if found.no_gradient:
        sentences.append(
            f"On {count(found.no_gradient, 'photo')} the classifier gave no gradient to follow; "
            "an attack that needs none may fool it there."
        )
    return sentences


def _stay_right(found: Robustness) -> str:
    stays = found.robust_accuracy
    return "all stay" if stays == 1 else f"{share(stays)} of all stay"


def _half(found: Robustness) -> str:
    if found.median is None:
        return "Less than half of all were brought to be misread."
    if not found.median:
        return "Half of all or more are misread as they are."
    return f"Half of all are misread within {found.norm.in_words(found.median)}."


def caveats(found: Robustness) -> list[str]:
    """What the findings do not show, one sentence each."""
    request = found.info.request
    sentences = ["Another attack may find smaller changes: it withstands this much at most."]
    if request.radius is not None:
        sentences.append(
            "The attack stops at the first change inside its radius that fools; below the radius "
            "the curve says little."
        )
    if request.confidence is not None:
        sentences.append(
            f"Fooled is here: misread with a confidence of {percent(request.confidence)} or more."
        )
    return sentences


def photo_in_words(found: Robustness, photo: AttackedPhoto) -> str:
    """One of the photos: "train/dog.7.jpg, really dog: read as cat after L2 0.17"."""
    size = found.norm.in_words(photo.distance)
    name = f"{photo.name}, really {photo.real}"
    if photo.fooled:
        return f"{name}: read as {photo.after} after {size}"
    return f"{name}: not fooled" + (f"; the closest try is {size}" if photo.levels else "")


def attack_captions(photo: AttackedPhoto) -> tuple[str, str, str]:
    """Over photo, noise and picture: "Initial dog at 83 %", "+ 0.004x", "= cat at 51 %"."""
    still = "still " if photo.after == photo.before else ""
    return (
        f"Initial {photo.before} at {percent(photo.confidence_before)}",
        f"+ {factor(photo.levels / 255)}x" if photo.levels else "+ nothing",
        f"= {still}{photo.after} at {percent(photo.confidence)}",
    )
