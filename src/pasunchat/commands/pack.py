"""pasunchat pack: the page as files."""

from pathlib import Path
from typing import Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.printing import note, print_json, say

EXAMPLES = (
    "pasunchat pack simple -o classroom",
    "pasunchat pack runs/mine -o mine.zip --photos holiday/",
)


def pack(
    model: Annotated[str, typer.Argument(help="A run or its name, or another model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder, or a file .zip.")],
    photos: Annotated[
        list[str] | None, typer.Option(help="Photos to show besides the program's own.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the page as files that open by a double click, without the program or a network.

    Up to 200,000 numbers, the network itself runs in the page, on photos of one's own.
    """
    from pasunchat.extras import extra

    extra("starlette", "page")
    from pasunchat.pack.pack import pack as pack_
    from pasunchat.photos.files import photo_files

    files = photo_files(photos or ())
    with progress_bar("preparing") as bar:
        packed = pack_(model, output, files, overwrite=overwrite, progress=bar)
    if packed.why_not:
        note(f"note: {packed.why_not}; it shows prepared photos only")
    if json:
        print_json(packed)
        return
    runs = "the network runs in it" if packed.runs else "its photos are prepared"
    say(f"{packed.photos} photos, {packed.bytes / 1e6:.1f} MB; {runs}")
    folder = output.suffix.lower() != ".zip"
    where = output / packed.start if folder else output
    say(f"open {where}" if folder else f"unpack {where} and open {packed.start}")
