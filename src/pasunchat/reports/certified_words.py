"""What is proved and what is shown of a classifier in words, the same for the terminal, the
pictures and the report."""

from math import inf

from pasunchat.measures.certified import Certified
from pasunchat.measures.gaps import WIDEST, Beside, Gap, contradictions
from pasunchat.norms import NORMS
from pasunchat.story.wording import TERMINAL, Words


def size_in_words(norm: str, radius: float, words: Words = TERMINAL) -> str:
    """A radius in words: "0.25 of 255 levels", "L2 0.3", "2 % of the area"."""
    if norm == "patch":
        return words.t("size_area", share=words.tick(radius))
    return words.told(NORMS[norm].in_words(radius))


def right_in_words(found: Certified, words: Words = TERMINAL) -> str:
    """How many photos are right without any change, as attacks say it too."""
    share = words.share_of(found.accuracy, found.photos, f"photos_{found.info.split}")
    return words.n("rob_right", found.photos, share=share)


def proved_in_words(found: Certified, words: Words = TERMINAL) -> list[str]:
    """What is proved, one sentence each."""
    sentences = []
    if found.abstained:
        sentences.append(words.n("prf_abstained", found.abstained))
    sentences.append(_proved(found, words))
    if found.info.method == "bounds" and not found.proved:
        sentences.append(nothing_in_words(words))
    told = {"model": found.model, "p": words.pc(1 - found.info.asked.alpha)}
    return [*sentences, words.t(f"prf_of_{found.info.method}", **told)]


def _proved(found: Certified, words: Words) -> str:
    of = {"k": words.cnt(found.proved), "n": words.cnt(found.right)}
    if found.info.asked.radius is not None:
        size = size_in_words(found.norm, found.info.asked.radius, words)
        return words.t("prf_asked", size=size, **of)
    if found.median is None:
        return words.t("prf_some", **of)
    return words.t("prf_half", size=size_in_words(found.norm, found.median, words), **of)


def nothing_in_words(words: Words = TERMINAL) -> str:
    """Why bounds prove nothing, and what to take instead."""
    return words.t("prf_nothing")


def gap_findings(found: Certified, beside: Beside, words: Words = TERMINAL) -> list[str]:
    """What the certificate and an attack say together: how much is not known, and what would be a
    fault."""
    sentences = _not_known(found.info.asked.radius, beside, words)
    wrong = contradictions(beside.gaps)
    if wrong:
        names = ", ".join(gap.name for gap in wrong[:WIDEST])
        sentences.append(words.n("prf_wrong", len(wrong), list=names))
    return sentences


def _not_known(radius: float | None, beside: Beside, words: Words) -> list[str]:
    """Of one radius: of how many photos nothing is known. Else which part of a change that fools is
    proved, of the photos that are fooled."""
    attack = {"attack": beside.attack.attack}
    if radius is not None:
        proved = sum(gap.proved >= radius for gap in beside.gaps)
        fooled = sum(gap.shown <= radius for gap in beside.gaps)
        counts = {"p": proved, "k": fooled, "m": len(beside.gaps) - proved - fooled}
        said = {name: words.cnt(max(0, number)) for name, number in counts.items()}
        return [words.t("prf_within", n=words.cnt(len(beside.gaps)), **said, **attack)]
    fooled_gaps = [gap for gap in beside.gaps if 0 < gap.shown < inf]
    ratios = sorted((gap.proved / gap.shown for gap in fooled_gaps), reverse=True)
    if not ratios:
        return []
    half = words.part(ratios[(len(ratios) - 1) // 2])
    return [words.t("prf_ratio", k=words.cnt(len(ratios)), share=half, **attack)]


def widest_in_words(beside: Beside, norm: str, words: Words = TERMINAL) -> list[str]:
    """The photos with the widest gaps, a sentence each."""
    return [gap_in_words(norm, gap, words) for gap in beside.gaps[:WIDEST]]


def gap_in_words(norm: str, gap: Gap, words: Words = TERMINAL) -> str:
    """One photo on the axis, in a sentence."""
    proved = "prf_gap_proved" if gap.proved else "prf_gap_nothing"
    shown = "prf_gap_shown" if gap.shown < inf else "prf_gap_not_shown"
    return words.t(
        "prf_gap",
        name=gap.name,
        real=words.cls(gap.real),
        proved=words.t(proved, size=size_in_words(norm, gap.proved, words)),
        shown=words.t(shown, size=_at(norm, gap.shown, words)),
    )


def widest_cells(beside: Beside, norm: str, words: Words = TERMINAL) -> list[tuple[str, ...]]:
    """The photos with the widest gaps as cells: name, proved up to, shown at."""
    return [
        (
            gap.name,
            size_in_words(norm, gap.proved, words) if gap.proved else words.t("prf_none"),
            _at(norm, gap.shown, words) or words.t("rob_not_found"),
        )
        for gap in beside.gaps[:WIDEST]
    ]


def _at(norm: str, shown: float, words: Words) -> str:
    return size_in_words(norm, shown, words) if shown < inf else ""
