"""pasunchat fool: find the least change to a photo that fools a classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import fool_bar
from pasunchat.commands.models import note_letters, note_model
from pasunchat.commands.printing import closing, note, print_json, print_outcome, say
from pasunchat.commands.request_options import takes_request, with_mask
from pasunchat.photos.files import photo_files

if TYPE_CHECKING:
    from pasunchat.attacks.fool import Request
    from pasunchat.classifiers.classifier import Classifier

EXAMPLES = (
    "pasunchat fool rex.jpg --as cat",
    "pasunchat fool rex.jpg --norm linf --radius 4/255 --film",
    "pasunchat fool rex.jpg --mask only-the-sky.png --seconds 10",
    "pasunchat fool rex.jpg --survive jpeg:75,resize:0.5 --effort thorough",
    "pasunchat fool rex.jpg --attack learned-noise:const=0.01 --model simple",
)


@takes_request(check=lambda given: photo_files(given["photos"]), confidence=0.95)
def fool(
    *,
    photos: Annotated[list[str], typer.Argument(help="Files, folders, or patterns.")],
    model: Annotated[
        str | None,
        typer.Option(help="A run, or any model (pasunchat docs models); else the newest run."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--as", help="Class to be taken for; else the runner-up.")
    ] = None,
    request: "Request",
    mask: Path | None,
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
    film: Annotated[
        bool, typer.Option("--film", help="Also film.webp, and film.gif for slides: how it tips.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; else runs/NAME/fooled.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Change a photo as little as possible so that the classifier takes it for something else.

    Judged on the PNG as read back from disk. Exit status 1: a photo was not fooled.
    """
    from pasunchat.classifiers.load import load
    from pasunchat.fooled.fool_photos import FooledPhoto, FoolOptions, fool_photos
    from pasunchat.fooled.row import ROW
    from pasunchat.fooled.transforms import transforms
    from pasunchat.runtime import set_up_runtime
    from pasunchat.words import command

    options = FoolOptions(target, transforms(survive) if survive is not None else (), full_size)
    on = set_up_runtime(device).device
    classifier = load(model).to(on)

    told = False

    def show(at: FooledPhoto) -> None:
        nonlocal told
        if not told:
            told = True
            note_model(model, classifier)
            note_letters(classifier.classes)
            _note_coin(classifier)
        if json:
            return
        print_outcome(at.outcome)
        say(f"  look at {at.folder / ROW}")
        say()

    with fool_bar() as bar:
        found = fool_photos(
            classifier,
            photo_files(photos),
            output,
            with_mask(request, mask, classifier, full_size=full_size),
            options=options,
            models=[load(name).to(on) for name in also or ()],
            films=("webp", "gif") if film else (),
            overwrite=overwrite,
            progress=bar.photos,
            steps=bar.steps,
            done=show,
        )
    if json:
        print_json([at.outcome for at in found])
    else:
        last = found[-1]
        closing(last.folder / ROW, command("verify", last.folder / last.outcome.picture))
    return 0 if all(at.outcome.fooled for at in found) else 1


def _note_coin(classifier: "Classifier") -> None:
    """Say on stderr where an evaluation of a run's classifier shows nothing better than a guess."""
    if classifier.origin is None:
        return
    from pasunchat.reports.evaluation import coin_in_words, floor_in_words, read_evaluation

    evaluation = read_evaluation(classifier.origin)
    if evaluation and evaluation.classifier == classifier.digest() and not evaluation.beats_floor:
        note(f"note: {floor_in_words(evaluation)} {coin_in_words(evaluation)}")
