"""pasunchat compare: which of several trained networks is better, and is the difference real."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_model
from pasunchat.commands.printing import closing, note, note_any, print_json, say, table
from pasunchat.errors import PasunchatError

if TYPE_CHECKING:
    from pasunchat.certificates.certify import Asked
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.compare import Comparison
    from pasunchat.measures.shared_axis import SharedAxis
    from pasunchat.measures.speed import Timing
    from pasunchat.photos.dataset import Dataset

EXAMPLES = (
    "pasunchat compare simple linear --data data/",
    "pasunchat compare runs/* --data photos/ --split all --output comparison",
    "pasunchat compare simple robust --data data/ --certify --limit 50",
)


def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Runs or their names, two or more.")
    ],
    data: Annotated[
        list[str],
        typer.Option(help="A dataset, or photos, which are prepared in each model's size."),
    ],
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    certify: Annotated[
        bool, typer.Option("--certify", help="Prove first what no change does to each model.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(help="Of --certify: photos, spread over the split; else all."),
    ] = None,
    effort: Annotated[
        str, typer.Option(help="Of --certify: quick, normal or thorough.")
    ] = "normal",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else comparison in the first model's run."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a comparison.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Judge models on the same photos: accuracy, cost, speed, and which differences are real.

    Where certificates of them are finished on the same photos, what is proved of each stands beside
    what an attack on these has shown. Exit status 2: an attack has shown what is proved impossible.
    """
    if limit is not None and not certify:
        raise PasunchatError("--limit is how many photos --certify proves; give both or none")
    from pasunchat.certificates.certify import Asked
    from pasunchat.measures.compare import check_comparable
    from pasunchat.measures.compare import compare as compare_
    from pasunchat.measures.same_photos import datasets_for
    from pasunchat.measures.score import other_decode
    from pasunchat.measures.shared_axis import shared_axes
    from pasunchat.measures.speed import time_classifiers
    from pasunchat.reports.comparison import comparison_folder, warnings, write_comparison

    asked = Asked(effort=effort)  # type: ignore[arg-type]
    classifiers = _loaded(models)
    check_comparable(classifiers)
    folder = comparison_folder(classifiers[next(iter(classifiers))], output, overwrite=overwrite)
    with progress_bar("preparing") as progress:
        datasets = datasets_for(classifiers, data, progress)
    try:
        for name, classifier in classifiers.items() if certify else ():
            _certify(name, classifier, datasets[name], asked, split, limit)
    except KeyboardInterrupt:
        note("stopped; the same command goes on with what is proved")
        return 130
    with progress_bar("judging") as progress:
        comparison = compare_(classifiers, datasets, split, progress)
    with progress_bar("timing", "passes") as progress:
        timing = time_classifiers(classifiers, datasets, split, progress)
    axes = shared_axes(classifiers, datasets, split)
    write_comparison(folder, comparison, timing, axes, overwrite=overwrite)
    for model, classifier in zip(models, classifiers.values(), strict=True):
        note_model(model, classifier)
    for name, classifier in classifiers.items():
        note_any(other_decode(classifier, datasets[name]))
    for warning in warnings(comparison):
        note(f"note: {warning}")
    if json:
        print_json({"comparison": comparison, "timing": timing, "proved": axes})
    else:
        _print(comparison, timing)
        _print_axes(axes, dict(zip(classifiers, models, strict=True)))
        closing(folder, _next(folder, classifiers))
    return 2 if any(axis.wrong for axis in axes) else 0


def _certify(
    name: str,
    classifier: "Classifier",
    dataset: "Dataset",
    asked: "Asked",
    split: str,
    limit: int | None,
) -> None:
    """Certify a model where it has a certificate, and keep it where `certify` would; else say why
    it has none."""
    from pasunchat.measures.certified import certify_split, refuse_without_certificate
    from pasunchat.reports.certified import certificate_folder, draw_beside

    try:
        refuse_without_certificate(classifier, dataset)
    except PasunchatError as error:
        note(f"note: {name}: nothing is proved of it: {error}")
        return
    folder = certificate_folder(classifier, dataset, asked, split, limit)
    with progress_bar(f"proving {name}") as progress:
        found = certify_split(
            classifier, dataset, folder, asked, split=split, limit=limit, progress=progress
        )
    draw_beside(folder, found, classifier)


def _loaded(models: list[str]) -> "dict[str, Classifier]":
    """Each model under a short name, where short names tell them apart."""
    from pasunchat.classifiers.load import load
    from pasunchat.runtime import set_up_runtime

    for model in models:
        if models.count(model) > 1:
            raise PasunchatError(f"the model {model} is given twice; name each once")
    device = set_up_runtime().device
    classifiers = [load(model).to(device) for model in models]
    names = [c.origin.name if c.origin else _plain_name(c.known_as) for c in classifiers]
    for others in ([classifier.known_as for classifier in classifiers], models):
        names = others if len(set(names)) < len(names) else names
    return dict(zip(names, classifiers, strict=True))


def _plain_name(known_as: str) -> str:
    """The name of a model that is no run, without folders and preprocessing."""
    from pasunchat.classifiers.external.preprocessing import name_and_preprocessing
    from pasunchat.classifiers.wrappers import is_wrapped, name_of, read_wrapped

    if is_wrapped(known_as):
        read = read_wrapped(known_as)
        return name_of(read.wrapper, _plain_name(read.model), read.settings)
    return Path(name_and_preprocessing(known_as)[0]).name


def _print(comparison: "Comparison", timing: "Timing") -> None:
    """Two tables, each narrow enough for 80 columns, and a sentence a pair."""
    from pasunchat.reports.comparison import (
        COST,
        QUALITY,
        cost,
        differences,
        how_tested,
        quality,
        speeds,
        which_photos,
    )

    models = comparison.models
    timed = zip(models, speeds(timing, [model.name for model in models]), strict=True)
    say(f"{which_photos(comparison)}, the same for all")
    table(("model", *QUALITY), [(model.name, *quality(model)) for model in models])
    say()
    table(
        ("model", *COST, "photos/s"),
        [(model.name, *cost(model), speed) for model, speed in timed],
    )
    say()
    for sentence in differences(comparison):
        say(sentence)
    say(f"({how_tested(comparison)})")


def _print_axes(axes: "Sequence[SharedAxis]", models: dict[str, str]) -> None:
    """A table for each norm, and what is missing with the command that makes it. models: what each
    was given as."""
    from pasunchat.reports.shared_axis import (
        attack_commands,
        axis_measured,
        axis_sentences,
        norms_apart,
        shared_cells,
        shared_headings,
        widest_gaps,
    )

    for axis in axes:
        say()
        say(axis_measured(axis))
        table(shared_headings(axis), shared_cells(axis))
        say()
        for sentence in axis_sentences(axis):
            say(sentence)
        for command in attack_commands(axis, models):
            say(f"  {command}")
        for gap in widest_gaps(axis):
            say(f"  {gap}")
    for sentence in norms_apart(axes):
        say(sentence)


def _next(folder: Path, classifiers: "dict[str, Classifier]") -> str:
    from pasunchat.words import command

    first = next(iter(classifiers.values())).origin
    if first is not None and folder.parent == first:
        return command("report", first)
    return f"look at {folder / 'comparison.png'}"
