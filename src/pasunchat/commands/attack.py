"""pasunchat attack: how much a classifier withstands, on all photos of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import attack_bar, progress_bar
from pasunchat.commands.models import note_letters, note_model
from pasunchat.commands.printing import (
    closing,
    is_contradicted,
    note,
    note_any,
    print_certified,
    print_json,
    say,
    table,
)
from pasunchat.commands.request_options import settings_in_words, takes_request, with_mask
from pasunchat.errors import PasunchatError
from pasunchat.parsing import share_at_radius

if TYPE_CHECKING:
    from pasunchat.attacks.fool import Request
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.robust_accuracy import Robustness
    from pasunchat.photos.dataset import Dataset
    from pasunchat.reports.certified import ProvedAndShown

EXAMPLES = (
    "pasunchat attack simple --data photos/ --limit 100",
    "pasunchat attack simple --data data/ --norm linf --require 0.5@2/255",
    "pasunchat attack simple --data photos/ --norm linf --limit 100 --certify",
)
CHECKED, QUERIES = 4, 40  # photos, and queries for each, of the warnings


@takes_request()
def attack(
    *,
    model: Annotated[str, typer.Argument(help="A run, or any model (pasunchat docs models).")],
    data: Annotated[list[str], typer.Option(help="A dataset, or photos to prepare.")],
    request: "Request",
    mask: Path | None,
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    limit: Annotated[
        int | None, typer.Option(help="Number of photos, spread over the split; else all.")
    ] = None,
    require: Annotated[
        str | None, typer.Option(help="SHARE@RADIUS, as 0.5@2/255: else exit status 1.")
    ] = None,
    certify: Annotated[
        bool, typer.Option("--certify", help="Prove afterwards what no change does (linf).")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else attack/SETTINGS in the run, or here."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again instead of going on.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Fool a classifier with every photo of a split, and see how small a change is enough.

    Stopped at any moment, the same command goes on where it was. Each picture is judged as read
    back from disk. Exit status 1: fewer stay right than --require asks for. Exit status 2: a change
    fools within what --certify proved.
    """
    from pasunchat.classifiers.load import load
    from pasunchat.measures.certified import refuse_without_certificate
    from pasunchat.measures.robustness import attack_split
    from pasunchat.measures.same_photos import datasets_for
    from pasunchat.measures.score import other_decode
    from pasunchat.reports.robustness import attack_folder, draw_robustness
    from pasunchat.runtime import set_up_runtime

    required = None if require is None else _required(require, request.radius)
    classifier = load(model).to(set_up_runtime(device).device)
    request = with_mask(request, mask, classifier)
    with progress_bar("preparing") as preparing:
        dataset = datasets_for({model: classifier}, data, preparing)[model]
    if certify:
        refuse_without_certificate(classifier, dataset, request.norm.name)
    words = settings_in_words(request)
    words += [split] if split != "test" else []
    words += [f"limit-{limit}"] if limit is not None else []
    folder = output or attack_folder(classifier, dataset, words)
    _note_trained_elsewhere(classifier, dataset)
    _note_classes_left_out(classifier, dataset)
    note_any(other_decode(classifier, dataset))
    _warn(classifier, dataset, split)
    try:
        with attack_bar() as progress:
            found = attack_split(
                classifier, dataset, folder, request,
                split=split, limit=limit, overwrite=overwrite, progress=progress,
            )  # fmt: skip
        proved = (
            _certified(classifier, dataset, request, folder, found, overwrite=overwrite)
            if certify
            else None
        )
    except KeyboardInterrupt:
        note(f"stopped; the same command goes on with {folder}")
        return 130
    draw_robustness(folder, found, dataset)
    note_model(model, classifier)
    note_letters(dataset.classes)
    if json:
        print_json({"attack": found, "certificate": proved.certified} if proved else found)
    else:
        _print(found)
        if proved:
            say()
            print_certified(proved.certified, proved.beside)
            say(f"wrote {proved.folder}/")
        closing(folder, _next(folder, classifier))
    holds = required is None or _holds(found, *required)
    if proved and is_contradicted(proved.beside):
        return 2
    return 0 if holds else 1


def _certified(
    classifier: "Classifier",
    dataset: "Dataset",
    request: "Request",
    attacked: Path,
    found: "Robustness",
    *,
    overwrite: bool,
) -> "ProvedAndShown":
    """Certify the photos of an attack, whose folder is `attacked`, and draw the two on one axis."""
    from pasunchat.certificates.certify import Asked
    from pasunchat.measures.certified import certify_split
    from pasunchat.measures.gaps import beside
    from pasunchat.reports.certified import ProvedAndShown, certificate_folder, draw_axis

    asked = Asked(request.norm.name, request.radius, request.effort, request.seed)
    split, limit = found.info.split, found.info.limit
    folder = certificate_folder(classifier, dataset, asked, split, limit)
    with progress_bar("proving") as progress:
        certified = certify_split(
            classifier, dataset, folder, asked,
            split=split, limit=limit, overwrite=overwrite, progress=progress,
        )  # fmt: skip
    draw_axis(folder, certified, found)
    return ProvedAndShown(folder, certified, beside(certified, attacked, found))


def _required(text: str, radius: float | None) -> tuple[float, float]:
    """ "0.5@2/255": the share that must stay right, and the radius within which."""
    required = share_at_radius(text, "--require")
    if radius is not None and required[1] > radius:
        raise PasunchatError(
            f'--require "{text}" asks about more than --radius lets the attack change; '
            "raise --radius or leave it out"
        )
    return required


def _note_trained_elsewhere(classifier: "Classifier", dataset: "Dataset") -> None:
    if classifier.info.trained_on not in (None, dataset.digest):
        note(
            "note: the model learnt from another dataset than this one; if its training photos "
            "are among these, it may withstand them more than others"
        )


def _note_classes_left_out(classifier: "Classifier", dataset: "Dataset") -> None:
    from pasunchat.measures.class_match import match_classes
    from pasunchat.reports.evaluation import classes_left_out

    left_out = match_classes(classifier, dataset).left_out
    if left_out:
        note(f"note: {classes_left_out(left_out)}")


def _warn(classifier: "Classifier", dataset: "Dataset", split: str) -> None:
    """Say on stderr what speaks against believing attacks on this classifier."""
    import torch

    from pasunchat.attacks.problem import Goal
    from pasunchat.attacks.sanity_checks import checks
    from pasunchat.classifiers.classifier import as_pixels
    from pasunchat.measures.class_match import match_classes

    rows = dataset.rows(split)[:CHECKED]
    pixels = as_pixels(dataset.pixels[rows], classifier.mean.device)
    real = match_classes(classifier, dataset).outputs[dataset.labels[rows]]
    goal = Goal(torch.from_numpy(real), targeted=False)
    for check in checks(classifier, pixels, goal, queries=QUERIES) if len(rows) else ():
        note(f"warning: {check.sentence} (pasunchat docs warnings: {check.heading})")


def _print(found: "Robustness") -> None:
    from pasunchat.reports.robustness_words import (
        caveats,
        enough_in_words,
        findings,
        photo_in_words,
    )

    say(f"model: {found.model}")
    for sentence in findings(found):
        say(sentence)
    if found.attack is not None:
        say()
        table(("share misread", "enough is"), enough_in_words(found))
        say()
    for title, photo in (
        ("the most fragile", found.most_fragile),
        ("the most stubborn", found.most_stubborn),
    ):
        if photo is not None:
            say(f"{title}: {photo_in_words(found, photo)}")
    for sentence in caveats(found):
        say(f"({sentence})")


def _next(folder: Path, classifier: "Classifier") -> str:
    from pasunchat.words import command

    if classifier.origin is not None and folder.parent.parent == classifier.origin:
        return command("report", classifier.origin)
    return f"look at {folder / 'curve.png'}"


def _holds(found: "Robustness", share: float, radius: float) -> bool:
    """Whether enough stay right within the radius, said on stderr."""
    from pasunchat.words import share as in_words

    stays = found.accuracy_within(radius)
    within = f"{in_words(stays)} stay right within {found.norm.in_words(radius)}"
    if stays >= share:
        note(f"holds: {within}, {in_words(share)} required")
        return True
    note(f"falls short: {within}, {in_words(share)} required")
    return False
