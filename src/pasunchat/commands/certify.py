"""pasunchat certify: what no change can do to a classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_model
from pasunchat.commands.printing import (
    closing,
    is_contradicted,
    note,
    print_certified,
    print_json,
    say,
    table,
)
from pasunchat.errors import PasunchatError
from pasunchat.parsing import number, share_at_radius

if TYPE_CHECKING:
    from pasunchat.certificates.certificate import Certificate
    from pasunchat.certificates.certify import Asked
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.certified import Certified

EXAMPLES = (
    "pasunchat certify simple rex.jpg",
    "pasunchat certify simple --data photos/ --limit 100 --require 0.5@0.1/255",
    "pasunchat certify smoothed:simple,sigma=0.25 --data photos/ --limit 100",
)


def certify(
    model: Annotated[str, typer.Argument(help="A run, or any model (pasunchat docs models).")],
    photos: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, or patterns; else --data.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="A dataset, or photos to prepare.")] = None,
    norm: Annotated[
        str | None, typer.Option(help="linf, l2 (smoothed:MODEL) or patch (masked:MODEL).")
    ] = None,
    radius: Annotated[
        str | None, typer.Option(help="Only whether this is proved: sooner. As 1/255.")
    ] = None,
    effort: Annotated[str, typer.Option(help="quick, normal or thorough.")] = "normal",
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    limit: Annotated[
        int | None, typer.Option(help="Number of photos, spread over the split; else all.")
    ] = None,
    require: Annotated[
        str | None,
        typer.Option(help="SHARE@RADIUS, of photos a RADIUS for each: else exit status 1."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the noise of votes.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else certificate/SETTINGS in the run."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again instead of going on.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Prove up to which size no change makes a classifier answer anything else.

    With --data it goes on where it was stopped, and draws what is proved beside what an attack has
    shown on the same photos. Exit status 1: less is proved than --require asks for. Exit status 2:
    an attack has shown what is proved impossible.
    """
    if bool(photos) == bool(data):
        raise PasunchatError("expected photos, or --data with a dataset or photos to prepare")
    share, required = _required(require, data)
    from pasunchat.certificates.certify import Asked, method_for
    from pasunchat.classifiers.load import load
    from pasunchat.runtime import set_up_runtime

    within = None if radius is None else number(radius, "--radius")
    if required is not None and within is not None and required > within:
        raise PasunchatError(
            "--require asks about a larger radius than --radius; raise --radius or leave it out"
        )
    asked = Asked(norm, within, effort, seed)  # type: ignore[arg-type]
    classifier = load(model).to(set_up_runtime(device).device)
    method_for(classifier, norm)
    if photos:
        return _photos(classifier, model, photos, asked, required, json=json)
    job: dict[str, Any] = {"split": split, "limit": limit, "overwrite": overwrite}
    try:
        found, folder = _split(classifier, model, data or [], asked, output, job)
    except KeyboardInterrupt:
        note("stopped; the same command goes on")
        return 130
    note_model(model, classifier)
    return _finished(classifier, found, folder, share, required, json=json)


def _required(text: str | None, data: list[str] | None) -> tuple[float, float | None]:
    """The share and the radius of --require; for photos a radius, of all of them."""
    if text is None:
        return 1.0, None
    if data:
        return share_at_radius(text, "--require")
    if "@" in text:
        raise PasunchatError(f'--require: expected a radius for photos, as 0.1/255, got "{text}"')
    return 1.0, number(text, "--require")


def _photos(
    classifier: "Classifier",
    model: str,
    photos: list[str],
    asked: "Asked",
    required: float | None,
    *,
    json: bool,
) -> int:
    """Certify the classifier's own answers to some files."""
    from pasunchat.certificates.certify import certify as certify_
    from pasunchat.photos.files import photo_files
    from pasunchat.reports.certified_words import nothing_in_words, size_in_words

    files = photo_files(photos)
    with progress_bar("proving") as progress:
        found = certify_(
            classifier, files,
            norm=asked.norm, radius=asked.radius, effort=asked.effort, seed=asked.seed,
            progress=progress,
        )  # fmt: skip
    note_model(model, classifier)
    if json:
        print_json(
            [{"file": str(file), **_plain(each)} for file, each in zip(files, found, strict=True)]
        )
    else:
        say(f"model: {classifier.known_as}")
        rows = [
            (str(file), _answer(classifier, each), _proved(each, size_in_words))
            for file, each in zip(files, found, strict=True)
        ]
        table(("photo", "answer", "no change up to this fools it"), rows)
        say()
        if found[0].method == "bounds" and not any(each.radius for each in found):
            say(nothing_in_words())
        say("what is not proved is not known until an attack shows a change that fools it:")
        say(f"  {_fool(str(files[0]), model, found[0].norm)}")
    if required is None:
        return 0
    least = min(each.radius for each in found)
    return _said(least >= required, f"{size_in_words(found[0].norm, least)} proved for every photo")


def _fool(photo: str, model: str, norm: str) -> str:
    """The attack that shows the other side: in the norm of the certificate where it has one."""
    from pasunchat.words import command

    shown = ["--norm", norm] if norm != "patch" else []
    return command("fool", photo, "--model", model, *shown)


def _plain(certificate: "Certificate") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(certificate)


def _answer(classifier: "Classifier", certificate: "Certificate") -> str:
    if certificate.answer is None:
        return "abstains"
    return classifier.class_name(certificate.answer)


def _proved(certificate: "Certificate", in_words: Any) -> str:
    if certificate.proof == "proved":
        return str(in_words(certificate.norm, certificate.radius))
    return {"abstained": "-", "misread": "misread"}.get(certificate.proof, "nothing is proved")


def _split(
    classifier: "Classifier",
    model: str,
    data: list[str],
    asked: "Asked",
    output: Path | None,
    job: dict[str, Any],
) -> "tuple[Certified, Path]":
    """Certify a split, and keep what was found."""
    from pasunchat.measures.certified import certify_split, refuse_without_certificate
    from pasunchat.measures.same_photos import datasets_for
    from pasunchat.reports.certified import certificate_folder

    with progress_bar("preparing") as preparing:
        dataset = datasets_for({model: classifier}, data, preparing)[model]
    refuse_without_certificate(classifier, dataset, asked.norm)
    split, limit = job["split"], job["limit"]
    folder = output or certificate_folder(classifier, dataset, asked, split, limit)
    with progress_bar("proving") as progress:
        return certify_split(classifier, dataset, folder, asked, progress=progress, **job), folder


def _finished(
    classifier: "Classifier",
    found: "Certified",
    folder: Path,
    share: float,
    required: float | None,
    *,
    json: bool,
) -> int:
    """Draw, print, and say whether enough is proved and nothing is contradicted."""
    from pasunchat.reports.certified import attack_command, draw_beside
    from pasunchat.reports.certified_words import right_in_words, size_in_words
    from pasunchat.words import share as in_words

    beside = draw_beside(folder, found, classifier)
    if json:
        print_json(found)
    else:
        say(f"model: {found.model}")
        say(right_in_words(found))
        print_certified(found, beside)
        shown = f"look at {folder / 'axis.png'}"
        closing(folder, shown if beside else attack_command(found, found.model) or shown)
    if is_contradicted(beside):
        return 2
    if required is None:
        return 0
    there = found.accuracy_at(required)
    said = f"{in_words(there.accuracy)} proved at {size_in_words(found.norm, required)}"
    return _said(there.accuracy >= share, f"{said}, {in_words(share)} required")


def _said(holds: bool, what: str) -> int:
    note(f"{'holds' if holds else 'falls short'}: {what}")
    return 0 if holds else 1
