"""pasunchat export: a classifier as one file for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.models import note_model
from pasunchat.commands.printing import closing, print_json, say

if TYPE_CHECKING:
    from torch import Tensor

    from pasunchat.classifiers.classifier import Classifier

EXAMPLES = (
    "pasunchat export simple --to onnx",
    "pasunchat export runs/simple --to pt2 -o cats.pt2 --photos holiday/",
)
DRAWN = 8


def export(
    model: Annotated[str, typer.Argument(help="A run or its name, or another model.")],
    to: Annotated[str, typer.Option(help="onnx, pt2 (torch.export) or safetensors.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; else MODEL.onnx and so on, here.")
    ] = None,
    photos: Annotated[
        list[str] | None, typer.Option(help="Photos to check it on; else drawn ones.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a classifier as one file: pixels from 0 to 1 in, logits out, any number at a time.

    Preprocessing is inside; class names, size and framing are in the file's metadata. It is kept
    only if it answers as the classifier does.
    """
    from pasunchat.classifiers.export import export as export_
    from pasunchat.classifiers.load import load
    from pasunchat.words import command

    classifier = load(model)
    path = output or Path(f"{_stem(model)}.{to}")
    exported = export_(classifier, path, to, _pixels(classifier, photos), overwrite=overwrite)
    note_model(model, classifier)
    if json:
        print_json(exported)
        return
    kind = "photos" if photos else "drawn photos"
    say(f"checked on {exported.photos} {kind}: logits differ by at most {exported.difference:.1e}")
    closing(path, command("predict", "PHOTO", "--model", path))


def _stem(model: str) -> str:
    """A name for the file, out of the model's."""
    from pasunchat.classifiers.external.preprocessing import name_and_preprocessing

    name = name_and_preprocessing(model)[0].rstrip("/")
    return Path(name).stem.rpartition(":")[2] or "model"


def _pixels(classifier: "Classifier", photos: list[str] | None) -> "Tensor":
    import numpy as np

    from pasunchat.classifiers.classifier import as_pixels
    from pasunchat.photos.drawing import KINDS, draw
    from pasunchat.photos.files import photo_files
    from pasunchat.photos.image import read_photo

    size = classifier.size or 224
    if photos:
        files = photo_files(photos)
        seen_as = size, classifier.framing, classifier.decode
        return as_pixels(np.stack([read_photo(file, *seen_as) for file in files]))
    drawn = [
        np.asarray(draw(KINDS[index % len(KINDS)], 0, index, max(size, 16)))[:size, :size]
        for index in range(DRAWN)
    ]
    return as_pixels(np.stack(drawn))
