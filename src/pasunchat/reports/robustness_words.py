"""How an attack on a split is told: one way for the terminal and the report."""

from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import AttackFacts, Robustness
from pasunchat.words import count, percent, share

SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)


def size_in_words(facts: AttackFacts, distance: float) -> str:
    """ "2 of 255 levels", "L2 0.51", "12 pixels"."""
    if facts.norm == "linf":
        return f"{float(f'{255 * distance:.3g}'):g} of 255 levels"
    if facts.norm in ("l1", "l2"):
        size = f"{distance:#.3g}" if distance < 99.95 else f"{distance:,.0f}"
        return f"{facts.norm.upper()} {size}"
    return count(int(distance), "value" if facts.norm == "l0" else "pixel")


def enough_in_words(found: Robustness) -> list[tuple[str, str]]:
    """For some shares of all photos, how small a change is enough: ("50 %", "L2 0.51")."""

    def said(part: float) -> str:
        radius = found.enough_for(part)
        if radius is None:
            return "not found"
        return size_in_words(found.facts, radius) if radius else "misread as they are"

    return [(share(part).replace(".0", ""), said(part)) for part in SHARES]


def told(found: Robustness) -> list[str]:
    """What was found, a sentence each."""
    facts = found.facts
    split = "" if facts.split == "all" else f"{facts.split} "
    sentences = [
        f"Without any change {share(found.accuracy)} of "
        f"{count(found.photos, f'{split}photo')} are read rightly."
    ]
    if found.attack is None:
        return sentences
    inside = "" if facts.radius is None else f" inside {size_in_words(facts, facts.radius)}"
    sentences.append(
        f"The attack “{found.attack}”{inside} fools {count(found.fooled)} of these "
        f"{count(found.right)}; {share(found.robust_accuracy)} of all stay right."
    )
    if facts.radius is None:
        sentences.append(_half(found))
    if found.no_gradient:
        sentences.append(
            f"On {count(found.no_gradient, 'photo')} the classifier gave no gradient to follow; "
            "an attack that needs none may fool it there."
        )
    return sentences


def _half(found: Robustness) -> str:
    if found.median is None:
        return "Less than half of all were brought to be misread."
    if not found.median:
        return "Half of all or more are misread as they are."
    return f"Half of all are misread within {size_in_words(found.facts, found.median)}."


def limits(found: Robustness) -> list[str]:
    """What is to be borne in mind, a sentence each."""
    facts = found.facts
    sentences = ["Another attack may find smaller changes: it withstands this much at most."]
    if facts.radius is not None:
        sentences.append(
            "The attack stops at the first change inside its radius that fools; below the radius "
            "the curve says little."
        )
    if facts.confidence is not None:
        sentences.append(
            f"Fooled is here: misread with a confidence of {percent(facts.confidence)} or more."
        )
    return sentences


def photo_in_words(found: Robustness, photo: AttackedPhoto) -> str:
    """ "train/dog.7.jpg, really dog: read as cat after L2 0.17"."""
    size = size_in_words(found.facts, photo.size(found.facts.norm))
    whose = f"{photo.name}, really {photo.real}"
    if photo.fooled:
        return f"{whose}: read as {photo.after} after {size}"
    return f"{whose}: not fooled" + (f"; the closest try is {size}" if photo.levels else "")
