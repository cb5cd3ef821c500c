"""What the report of a run says of attacks on a whole split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.reports.parts import Picture, Table, embedded_figure, embedded_png
from pasunchat.reports.robustness import FRAGILE, NOISE, PHOTO, PICTURE, STUBBORN, captions
from pasunchat.reports.robustness_curve import robustness_curve
from pasunchat.reports.robustness_words import enough_in_words, limits, photo_in_words, told
from pasunchat.reports.section_fooled import FooledPhoto
from pasunchat.words import count, share

MOST_SHOWN = 6


@dataclass(frozen=True)
class AttackSection:
    """One attack, ready for the template. notes: what is to be borne in mind."""

    title: str
    sentences: tuple[str, ...]
    curve: Picture
    enough: Table
    classes: Table
    photos: tuple[FooledPhoto, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RobustnessSection:
    """All attacks on whole splits. left_out: a sentence where some are not shown."""

    attacks: tuple[AttackSection, ...]
    left_out: str


def robustness_section(
    found: Sequence[tuple[Path, Robustness]], digest: str
) -> RobustnessSection | None:
    """All that the report shows of finished attacks, each with its folder; None where none was
    on the classifier with this digest."""
    ours = [at for at in found if at[1].facts.classifier == digest]
    if not ours:
        return None
    more, others = max(0, len(ours) - MOST_SHOWN), len(found) - len(ours)
    left_out = [f"{count(more, 'more attack')} beside these."] if more else []
    if others:
        left_out.append(f"Left out: {count(others, 'attack')} on other weights than these.")
    return RobustnessSection(tuple(_attack(*at) for at in ours[:MOST_SHOWN]), " ".join(left_out))


def _attack(folder: Path, found: Robustness) -> AttackSection:
    sentences = told(found)
    return AttackSection(
        title=f"{found.attack or 'no attack'}, {found.facts.norm.upper()}",
        sentences=tuple(sentences),
        curve=embedded_figure(
            lambda: robustness_curve(found),
            "Share of photos still read rightly, against the size of the change",
            "How little is enough: each step down is a photo or several that a change of this "
            "size fools.",
        ),
        enough=Table(("share misread", "enough is"), tuple(enough_in_words(found))),
        classes=_classes(found),
        photos=tuple(_photos(folder, found)),
        notes=(*limits(found), f"All pictures and figures: {folder}."),
    )


def _classes(found: Robustness) -> Table:
    def row(name: str, photos: int, right: int, fooled: int) -> tuple[str, ...]:
        shares = [share(part / photos) if photos else "" for part in (right, right - fooled)]
        return (name, count(photos), *shares)

    return Table(
        ("class", "photos", "right before", "right after"),
        (
            *(row(each.name, each.photos, each.right, each.fooled) for each in found.classes),
            row("all", found.photos, found.right, found.fooled),
        ),
        summed=True,
    )


def _photos(folder: Path, found: Robustness) -> list[FooledPhoto]:
    """The most fragile and the most stubborn, where their pictures are there."""
    both = (
        ("The most fragile", FRAGILE, found.most_fragile),
        ("The most stubborn", STUBBORN, found.most_stubborn),
    )
    return [
        _photo(title, folder / name, found, photo)
        for title, name, photo in both
        if photo is not None and (folder / name / PICTURE).is_file()
    ]


def _photo(title: str, folder: Path, found: Robustness, photo: AttackedPhoto) -> FooledPhoto:
    files = (PHOTO, NOISE, PICTURE)
    alts = ("The photo", "The noise at full range", "The photo with the noise")
    return FooledPhoto(
        name=title,
        row=tuple(
            embedded_png(folder / file, alt, text)
            for file, alt, text in zip(files, alts, captions(photo), strict=True)
        ),
        sentences=(f"{photo_in_words(found, photo)}.",),
    )
