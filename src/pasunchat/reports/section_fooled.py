"""What the report says of the photos that were to fool the classifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pasunchat.fooled.fool_photos import KeptAt
from pasunchat.fooled.outcome_in_words import change_in_words, control_in_words
from pasunchat.fooled.row import captions
from pasunchat.reports.parts import Picture, embedded_png
from pasunchat.words import count, percent

PIPE = "pipe"
MOST_SHOWN = 12


@dataclass(frozen=True)
class FooledPhoto:
    """One photo: its row of three, and the sentences under it."""

    name: str
    row: tuple[Picture, ...]
    sentences: tuple[str, ...]


def is_pipe(at: KeptAt) -> bool:
    """Whether the photo is the pipe, which is neither cat nor dog."""
    return Path(at.kept.photo).name.partition(".")[0] == PIPE


def how_many_fooled(found: Sequence[KeptAt]) -> str:
    """Of how many photos tried, how many were fooled."""
    fooled = sum(at.kept.fooled for at in found)
    tried = count(len(found), "picture")
    return f"A little noise made it take {count(fooled)} of {tried} for something else."


def how_much_changed(found: Sequence[KeptAt]) -> str:
    """How surely, and by how much, where any was fooled."""
    fooled = [at.kept for at in found if at.kept.fooled]
    if not fooled:
        return ""
    sure = percent(median(kept.after.confidence for kept in fooled))
    largest = median(kept.largest_change for kept in fooled)
    return (
        f"The median confidence in the wrong class is {sure}; the median of the largest change, "
        f"{largest:.0f} of 255 levels."
    )


def fooled_photo(at: KeptAt) -> FooledPhoto:
    """Ready for the template."""
    kept = at.kept
    files = ("photo.png", "noise.png", kept.picture)
    alts = ("The photo", "The noise at full range", "The photo with the noise")
    first = f"Largest change: {change_in_words(kept)}; {count(kept.steps, 'step')} of {kept.attack}"
    sentences = [f"{first}.", f"Control: {control_in_words(kept)}."]
    if kept.advice:
        sentences.append(f"{kept.advice[0].upper()}{kept.advice[1:]}.")
    return FooledPhoto(
        name=Path(kept.photo).name,
        row=tuple(
            embedded_png(at.folder / file, alt, text)
            for file, alt, text in zip(files, alts, captions(kept), strict=True)
        ),
        sentences=tuple(sentences),
    )
