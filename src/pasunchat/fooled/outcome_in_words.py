"""What is said of a fooled photo: its change, what it survives, what others say of it."""

from collections.abc import Sequence

from pasunchat.fooled.outcome import Outcome, Transfer
from pasunchat.story.wording import TERMINAL, Words
from pasunchat.words import listed, percent

LITTLE = (8, 2.0)  # levels of 255: the largest change, and that of the changed values in the mean
STRONG = 32  # levels of 255, from which on a change is plainly seen


def noise_in_words(outcomes: Sequence[Outcome], words: Words = TERMINAL) -> str:
    """How large the noise of one picture or several is: "a little noise of at most 6 of 255
    levels". "Little" it is with at most 8 levels anywhere (8/255, the customary bound), and 2 in
    the root mean square of what was changed (its L2 per value)."""
    largest = max(outcome.largest_change for outcome in outcomes)
    mean = max(255 * outcome.l2 / max(outcome.values, 1) ** 0.5 for outcome in outcomes)
    little = largest <= LITTLE[0] and mean <= LITTLE[1]
    kind = "noise_little" if little else "noise_strong" if largest >= STRONG else "noise_some"
    return words.t(kind, n=words.cnt(largest))


def change_in_words(outcome: Outcome, words: Words = TERMINAL) -> str:
    """How large a change is: "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950
    pixels"."""
    if not outcome.largest_change:
        return words.t("change_none")
    return words.t(
        "change",
        max=words.cnt(outcome.largest_change),
        l2=words.num(outcome.l2, 2),
        values=words.n("n_values", outcome.values),
        pixels=words.n("n_pixels", outcome.pixels),
    )


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


def control_in_words(outcome: Outcome, words: Words = TERMINAL) -> str:
    """What random noise of the same size does: "the same amount of random noise, 8 draws: still
    a dog every time"."""
    found = outcome.control
    if found is None:
        return words.t("control_none")
    was, goal = words.one(outcome.before.label), words.one(outcome.goal)
    if found.unchanged == found.draws:
        result = words.t("control_every", a=was)
    elif found.reached:
        result = words.t("control_reached", b=goal, k=found.reached)
    else:
        result = words.t("control_some", a=was, k=found.unchanged, b=goal)
    return words.t("control", draws=words.n("n_draws", found.draws), result=result)
