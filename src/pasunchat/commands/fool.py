"""pasunchat fool: find a small change to a photo that fools a classifier."""

from pathlib import Path
from typing import Annotated

import typer

from pasunchat.commands.printing import closing, print_json, print_outcome, progress_bar, say

EXAMPLES = (
    "pasunchat fool rex.jpg --as cat",
    "pasunchat fool rex.jpg --attack learned-noise:price=0.01 --model simple",
)


def fool(
    photos: Annotated[list[str], typer.Argument(help="Files, folders, or patterns.")],
    model: Annotated[
        str | None, typer.Option(help="A run, or any model (docs/models.md); else the newest run.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--as", help="The class to be taken for; else the runner-up.")
    ] = None,
    attack: Annotated[
        str, typer.Option(help="learned-noise, with settings: learned-noise:price=0.01")
    ] = "learned-noise",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; else runs/NAME/fooled.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first noise.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Change a photo a little so that the classifier takes it for something else.

    Judged on the PNG as read back from disk. Exit status 1: a photo was not fooled.
    """
    from pasunchat.classifiers.load import load
    from pasunchat.measures.predict import photo_files
    from pasunchat.reports.fooled import fool_photos
    from pasunchat.runtime import machine

    classifier = load(model).to(machine(device).device)
    with progress_bar("fooling") as progress:
        found = fool_photos(
            classifier,
            photo_files(photos),
            output,
            target=target,
            attack=attack,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json([at.kept for at in found])
    else:
        for at in found:
            print_outcome(at.kept)
            say()
        last = found[-1]
        picture = last.folder / last.kept.picture
        closing(last.folder, f"pasunchat verify {picture} --model {classifier.known_as}")
    return 0 if all(at.kept.fooled for at in found) else 1
