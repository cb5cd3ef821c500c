"""What is said of a fooled photo: its change, what it survives, what others say of it."""

from pasunchat.fooled.outcome import Elsewhere, Kept
from pasunchat.words import count, listed, one_of, percent


def change_in_words(kept: Kept) -> str:
    """How large a change is: "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950
    pixels"."""
    if not kept.largest_change:
        return "nothing was changed"
    where = f"{count(kept.values, 'value')} of {count(kept.pixels, 'pixel')}"
    return f"at most {count(kept.largest_change)} of 255 levels, L2 {kept.l2:.2f}, in {where}"


def survival_in_words(kept: Kept) -> str:
    """What the picture comes through: "survives 2 of 3: jpeg 95 ✓ 50 ✗, resize 0.5 ✓"."""
    ticks: dict[str, list[str]] = {}
    for at in kept.survival:
        name, _, setting = at.transform.partition(":")
        ticks.setdefault(name, [name]).append(f"{setting} {'✓' if at.survives else '✗'}")
    through = sum(at.survives for at in kept.survival)
    said = ", ".join(" ".join(parts) for parts in ticks.values())
    return f"survives {through} of {len(kept.survival)}: {said}"


def price_in_words(kept: Kept) -> str:
    """What coming through costs: "to come through jpeg:75 the change is 3.1 times as large"."""
    asked = listed(list(kept.demanded))
    return f"to come through {asked} the change is {kept.price:.2f} times as large"


def elsewhere_in_words(other: Elsewhere) -> str:
    """What another model says: "tiny is fooled too: dog 99 % -> cat 61 %"."""
    before, after = (f"{at.label} {percent(at.confidence)}" for at in (other.before, other.after))
    said = "is fooled too" if other.fooled else "is not fooled"
    return f"{other.model} {said}: {before} -> {after}"


def control_in_words(kept: Kept) -> str:
    """What random noise of the same size does: "the same amount of random noise, 8 draws: still
    a dog every time"."""
    found = kept.control
    if found is None:
        return "nothing was changed, so there is no random noise to compare with"
    if found.unchanged == found.draws:
        result = f"still {one_of(kept.before.label)} every time"
    elif found.reached:
        result = f"{one_of(kept.goal)} in {found.reached}, so chance alone may explain it"
    else:
        result = (
            f"still {one_of(kept.before.label)} in {found.unchanged}, never {one_of(kept.goal)}"
        )
    return f"the same amount of random noise, {count(found.draws, 'draw')}: {result}"
