"""How numbers are said to people: one way for the terminal, the pictures and the report."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pasunchat.attacks.kept import Elsewhere, Kept
    from pasunchat.measures.score import Evaluation


def percent(probability: float) -> str:
    """A probability in [0, 1]: "83 %", "99.4 %". No classifier is ever 100 % sure."""
    if probability > 0.999:
        return "more than 99.9 %"
    if probability < 0.001:
        return "less than 0.1 %"
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    return f"{100 * probability:.1f} %"


def share(part: float) -> str:
    """A share of things counted, in [0, 1]: "79.7 %". Only all of them are "100 %"."""
    if part in (0, 1):
        return f"{100 * part:.0f} %"
    return f"{min(99.9, max(0.1, 100 * part)):.1f} %"


def accuracy_in_words(evaluation: "Evaluation") -> str:
    """Accuracy with its 95 % interval and its count: "79.7 % [78.1, 81.2], 1,993 of 2,500"."""
    low, high = (f"{100 * end:.1f}" for end in evaluation.interval)
    counted = f"{count(evaluation.right)} of {count(evaluation.photos)}"
    return f"{share(evaluation.accuracy)} [{low}, {high}], {counted}"


def factor(largest: float) -> str:
    """The talk's factor of the noise, as a share of the whole range: "0.032"."""
    return f"{largest:.3f}"


def change_in_words(kept: "Kept") -> str:
    """How large a change is: "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950
    pixels"."""
    if not kept.largest_change:
        return "nothing was changed"
    where = f"{count(kept.values, 'value')} of {count(kept.pixels, 'pixel')}"
    return f"at most {count(kept.largest_change)} of 255 levels, L2 {kept.l2:.2f}, in {where}"


def survival_in_words(kept: "Kept") -> str:
    """What the picture comes through: "survives 2 of 3: jpeg 95 ✓ 50 ✗, resize 0.5 ✓"."""
    ticks: dict[str, list[str]] = {}
    for at in kept.survival:
        name, _, setting = at.transform.partition(":")
        ticks.setdefault(name, [name]).append(f"{setting} {'✓' if at.survives else '✗'}")
    through = sum(at.survives for at in kept.survival)
    said = ", ".join(" ".join(parts) for parts in ticks.values())
    return f"survives {through} of {len(kept.survival)}: {said}"


def price_in_words(kept: "Kept") -> str:
    """What coming through costs: "to come through jpeg:75 the change is 3.1 times as large"."""
    asked = listed(list(kept.demanded))
    return f"to come through {asked} the change is {kept.price:.2f} times as large"


def elsewhere_in_words(other: "Elsewhere") -> str:
    """What another model says: "tiny is fooled too: dog 99 % -> cat 61 %"."""
    before, after = (f"{at.answer} {percent(at.confidence)}" for at in (other.before, other.after))
    said = "is fooled too" if other.fooled else "is not fooled"
    return f"{other.model} {said}: {before} -> {after}"


def control_in_words(kept: "Kept") -> str:
    """What random noise of the same size does: "the same amount of random noise, 8 draws: still
    a dog every time"."""
    found = kept.control
    if found is None:
        return "nothing was changed, so there is no random noise to compare with"
    if found.unchanged == found.draws:
        result = f"still {one_of(kept.before.answer)} every time"
    elif found.reached:
        result = f"{one_of(kept.goal)} in {found.reached}, so chance alone may explain it"
    else:
        result = (
            f"still {one_of(kept.before.answer)} in {found.unchanged}, never {one_of(kept.goal)}"
        )
    return f"the same amount of random noise, {count(found.draws, 'draw')}: {result}"


def count(number: int, one: str = "", several: str = "") -> str:
    """A count, with its noun where given: "2,500", "1 epoch", "3 epochs"."""
    noun = one if number == 1 else several or f"{one}s"
    return f"{number:,} {noun}" if one else f"{number:,}"


def duration(seconds: float) -> str:
    """ "0.8 s", "48 s", "1 min 35 s", "2 h 05 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def one_of(class_name: str) -> str:
    """A class name with its article: "a dog", "an otter"; plural names stay bare."""
    if class_name.endswith("s"):
        return class_name
    return f"{'an' if class_name[:1].lower() in tuple('aeiou') else 'a'} {class_name}"


def listed(parts: list[str]) -> str:
    """ "cat", "cat and dog", "cat, dog and fox"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
