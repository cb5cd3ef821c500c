"""pasunchat prepare: photos become numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.printing import closing, print_json, say

if TYPE_CHECKING:
    from pasunchat.photos.dataset import Dataset

MOST_CLASSES = 10  # that are listed each

EXAMPLES = (
    "pasunchat prepare photos/ -o data",
    "pasunchat prepare dogs-vs-cats.zip more-cats/ -o data --split 0.75 0.125 0.125",
)


def prepare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Folders, zips, or drawn (drawn:count=800,size=224): one subfolder a class, "
            "the same under train/, validation/ and test/, or flat names like cat.0.jpg.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to make for the dataset.")
    ],
    size: Annotated[int, typer.Option(help="Side of the square pictures, in pixels.")] = 224,
    framing: Annotated[
        Literal["pad", "crop", "squash"],
        typer.Option(help="How a photo becomes a square: pad repeats its edges."),
    ] = "pad",
    decode: Annotated[
        Literal["exact", "fast"],
        typer.Option(help="fast: a JPEG near its size, sooner, its pixels some levels away."),
    ] = "exact",
    split: Annotated[
        tuple[float, float, float],
        typer.Option(help="Shares for training, validation and test; they sum to 1."),
    ] = (0.6, 0.3, 0.1),
    seed: Annotated[int, typer.Option(help="Decides, with each photo's content, its side.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the dataset at OUTPUT.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the dataset's facts as JSON.")
    ] = False,
) -> None:
    """Turn photos into numbers: read once, upright, square, split by content.

    Killed and run again, it goes on where it stopped. Sources are only read.
    """
    from pasunchat.photos.prepare import prepare as make
    from pasunchat.words import command

    with progress_bar("preparing", "photos") as progress:
        dataset = make(
            sources,
            output,
            size=size,
            framing=framing,
            decode=decode,
            split=split,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json(dataset.facts)
        return
    _say_counts(dataset)
    closing(output, command("train", output))


def _say_counts(dataset: "Dataset") -> None:
    counts = dataset.counts
    if len(dataset.classes) > MOST_CLASSES:
        _say_many(dataset)
    else:
        _say_each(dataset)
    if counts.skipped:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in counts.skipped.items())
        say(f"skipped: {reasons} (each with its reason in {dataset.folder / 'skipped.csv'})")
    findings = {
        "copies of a photo that came before": counts.copies,
        "photos that lie under two classes": counts.two_classes,
        "photos that lie on two sides of the split": counts.two_sides,
    }
    for what, number in findings.items():
        if number:
            say(f"{what}: {number:,}")


def _say_each(dataset: "Dataset") -> None:
    counts = dataset.counts
    width = max(map(len, dataset.classes))
    for class_name, sides in counts.photos.items():
        numbers = ", ".join(f"{number:,} {side}" for side, number in sides.items())
        say(f"{class_name:{width}}  {sum(sides.values()):,} photos: {numbers}")


def _say_many(dataset: "Dataset") -> None:
    """All classes in one line, and the smallest and the largest."""
    from pasunchat.photos.splitting import SPLITS

    photos = dataset.counts.photos
    sides = {side: sum(each[side] for each in photos.values()) for side in SPLITS}
    numbers = ", ".join(f"{number:,} {side}" for side, number in sides.items())
    say(f"{len(photos):,} classes, {sum(sides.values()):,} photos: {numbers}")
    totals = {name: sum(each.values()) for name, each in photos.items()}
    least, most = min(totals, key=totals.__getitem__), max(totals, key=totals.__getitem__)
    say(
        f"from {totals[least]:,} photos ({least}) to {totals[most]:,} ({most}); each class in "
        f"{dataset.folder / 'dataset.json'}"
    )
