"""What is said of a fooled photo: its change, what it survives, what others say of it."""

from collections.abc import Sequence

from pasunchat.fooled.outcome import Outcome, Transfer
from pasunchat.words import count, listed, one_of, percent

LITTLE = (8, 2.0)  # levels of 255: the largest change, and that of the changed values in the mean
STRONG = 32  # levels of 255, from which on a change is plainly seen


def noise_in_words(outcomes: Sequence[Outcome]) -> str:
    """How large the noise of one picture or several is: "a little noise of at most 6 of 255
    levels". "Little" it is with at most 8 levels anywhere (8/255, the customary bound), and 2 in
    the root mean square of what was changed (its L2 per value)."""
    largest = max(outcome.largest_change for outcome in outcomes)
    mean = max(255 * outcome.l2 / max(outcome.values, 1) ** 0.5 for outcome in outcomes)
    little = largest <= LITTLE[0] and mean <= LITTLE[1]
    kind = "a little noise" if little else "strong noise" if largest >= STRONG else "noise"
    return f"{kind} of at most {count(largest)} of 255 levels"


def change_in_words(outcome: Outcome) -> str:
    """How large a change is: "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950
    pixels"."""
    if not outcome.largest_change:
        return "nothing was changed"
    where = f"{count(outcome.values, 'value')} of {count(outcome.pixels, 'pixel')}"
    return f"at most {count(outcome.largest_change)} of 255 levels, L2 {outcome.l2:.2f}, in {where}"


def survival_in_words(outcome: Outcome) -> str:
    """What the picture comes through: "survives 2 of 3: jpeg 95 ✓ 50 ✗, resize 0.5 ✓"."""
    ticks: dict[str, list[str]] = {}
    for at in outcome.survival:
        name, _, setting = at.transform.partition(":")
        ticks.setdefault(name, [name]).append(f"{setting} {'✓' if at.survives else '✗'}")
    through = sum(at.survives for at in outcome.survival)
    said = ", ".join(" ".join(parts) for parts in ticks.values())
    return f"survives {through} of {len(outcome.survival)}: {said}"


def surviving_cost_in_words(outcome: Outcome) -> str:
    """What coming through costs: "to come through jpeg:75 the change is 3.1 times as large"."""
    asked = listed(list(outcome.required))
    return f"to come through {asked} the change is {outcome.cost_of_surviving:.2f} times as large"


def transfer_in_words(other: Transfer) -> str:
    """What another model says: "tiny is fooled too: dog 99 % -> cat 61 %"."""
    before, after = (f"{at.label} {percent(at.confidence)}" for at in (other.before, other.after))
    said = "is fooled too" if other.fooled else "is not fooled"
    return f"{other.model} {said}: {before} -> {after}"


def control_in_words(outcome: Outcome) -> str:
    """What random noise of the same size does: "the same amount of random noise, 8 draws: still
    a dog every time"."""
    found = outcome.control
    if found is None:
        return "nothing was changed, so there is no random noise to compare with"
    if found.unchanged == found.draws:
        result = f"still {one_of(outcome.before.label)} every time"
    elif found.reached:
        result = f"{one_of(outcome.goal)} in {found.reached}, so chance alone may explain it"
    else:
        still, never = one_of(outcome.before.label), one_of(outcome.goal)
        result = f"still {still} in {found.unchanged}, never {never}"
    return f"the same amount of random noise, {count(found.draws, 'draw')}: {result}"
