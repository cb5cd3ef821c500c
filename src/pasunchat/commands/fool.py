"""pasunchat fool: find the least change to a photo that fools a classifier."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pasunchat.commands.printing import closing, print_json, print_outcome, progress_bar, say

EXAMPLES = (
    "pasunchat fool rex.jpg --as cat",
    "pasunchat fool rex.jpg --norm linf --radius 4/255 --film",
    "pasunchat fool rex.jpg --survive jpeg:75,resize:0.5 --effort thorough",
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
    confidence: Annotated[
        float, typer.Option(help="At least so sure, from 0 (any) to below 1.")
    ] = 0.95,
    norm: Annotated[
        str, typer.Option(help="What is made small: l2, linf, l1, l0 or pixels.")
    ] = "l2",
    radius: Annotated[
        str | None, typer.Option(help="The largest change allowed: 0.5, 4/255; else the least.")
    ] = None,
    attack: Annotated[
        str | None,
        typer.Option(help="One of docs/attacks.md, with settings: pgd:steps=100; else the best."),
    ] = None,
    effort: Annotated[
        Literal["quick", "normal", "thorough"], typer.Option(help="How long to search.")
    ] = "normal",
    survive: Annotated[
        str | None,
        typer.Option(help="What the picture must come through: jpeg:75,resize:0.5,rotate:3."),
    ] = None,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="Change the file's own pixels, at its own size.")
    ] = False,
    also: Annotated[
        list[str] | None, typer.Option(help="Other models to ask about the picture.")
    ] = None,
    film: Annotated[bool, typer.Option("--film", help="Also film.webp: how it tips.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; else runs/NAME/fooled.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of whatever is drawn.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Change a photo as little as can be so that the classifier takes it for something else.

    Judged on the PNG as read back from disk. Exit status 1: a photo was not fooled.
    """
    from pasunchat.attacks.norms import NORMS
    from pasunchat.classifiers.load import load
    from pasunchat.fooled.fool_photos import Wanted, fool_photos
    from pasunchat.fooled.transforms import transforms
    from pasunchat.parsing import from_table, number
    from pasunchat.photos.files import photo_files
    from pasunchat.runtime import set_up_runtime

    on = set_up_runtime(device).device
    wanted = Wanted(
        target=target,
        attack=attack,
        norm=from_table(norm, NORMS, "norm"),
        radius=None if radius is None else number(radius, "--radius"),
        confidence=confidence or None,
        effort=effort,
        survive=transforms(survive) if survive is not None else (),
        full_size=full_size,
        seed=seed,
    )
    classifier = load(model).to(on)
    with progress_bar("fooling") as progress:
        found = fool_photos(
            classifier,
            photo_files(photos),
            output,
            wanted,
            models=[load(name).to(on) for name in also or ()],
            film="webp" if film else None,
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
