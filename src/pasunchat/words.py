"""How numbers, and commands to copy, are said to people: one way for the terminal, the pictures and
the report."""

import shlex
from pathlib import Path


def percent(probability: float) -> str:
    """A probability in [0, 1]: "83 %", "99.4 %". No classifier is ever 100 % sure."""
    if probability > 0.999:
        return "more than 99.9 %"
    if probability < 0.001:
        return "less than 0.1 %"
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    return f"{100 * probability:.1f} %"


def share(part: float, total: int | None = None) -> str:
    """A share of things counted, in [0, 1]: "79.7 %". All of `total` things are "11 of 11"; where
    the total is not known, "more than 99.9 %"."""
    if part == 0:
        return "0 %"
    if part == 1:
        return "more than 99.9 %" if total is None else f"{count(total)} of {count(total)}"
    return f"{min(99.9, max(0.1, 100 * part)):.1f} %"


def share_of(part: float, total: int, one: str, several: str = "") -> str:
    """A share with what it is a share of: "79.7 % of 2,500 photos", "all 11 photos"."""
    things = count(total, one, several)
    return f"all {things}" if part == 1 else f"{share(part)} of {things}"


def tick(part: float) -> str:
    """A share in [0, 1] at a figure's axis: "80 %", "all"; nothing beyond that."""
    if part > 0.9999:
        return "all" if part < 1.0001 else ""
    return f"{100 * part:.4g} %"


def interval_in_words(interval: tuple[float, float]) -> str:
    """An interval of shares in [0, 1], in per cent: "[78.1, 81.2]", "[74.1 or more]"."""
    low, high = interval
    if high > 0.9995:
        return f"[{100 * low:.1f} or more]"
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def factor(largest: float) -> str:
    """The talk's factor of the noise, as a share of the whole range: "0.032"."""
    return f"{largest:.3f}"


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


def file_word(name: str) -> str:
    """The name of a file as a word of a command: no name is an option."""
    return f"./{name}" if name.startswith("-") else name


def command(*words: str | Path) -> str:
    """A command line of ours that can be copied: what a shell would read otherwise is quoted."""
    return " ".join(("pasunchat", *(shlex.quote(str(word)) for word in words)))
