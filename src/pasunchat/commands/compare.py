"""pasunchat compare: which of several trained networks is better, and is the difference real."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_model
from pasunchat.commands.printing import closing, note, note_any, print_json, say, table

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.compare import Comparison
    from pasunchat.measures.speed import Timing

EXAMPLES = (
    "pasunchat compare simple linear --data data/",
    "pasunchat compare runs/* --data photos/ --split all --output comparison",
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
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else comparison in the first model's run."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a comparison.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge models on the same photos: accuracy, cost, speed, and which differences are real."""
    from pasunchat.measures.compare import check_comparable
    from pasunchat.measures.compare import compare as compare_
    from pasunchat.measures.same_photos import datasets_for
    from pasunchat.measures.score import other_decode
    from pasunchat.measures.speed import time_classifiers
    from pasunchat.reports.comparison import comparison_folder, warnings, write_comparison

    classifiers = _loaded(models)
    check_comparable(classifiers)
    folder = comparison_folder(classifiers[next(iter(classifiers))], output, overwrite=overwrite)
    with progress_bar("preparing") as progress:
        datasets = datasets_for(classifiers, data, progress)
    with progress_bar("judging") as progress:
        comparison = compare_(classifiers, datasets, split, progress)
    with progress_bar("timing", "passes") as progress:
        timing = time_classifiers(classifiers, datasets, split, progress)
    write_comparison(folder, comparison, timing, overwrite=overwrite)
    for model, classifier in zip(models, classifiers.values(), strict=True):
        note_model(model, classifier)
    for name, classifier in classifiers.items():
        note_any(other_decode(classifier, datasets[name]))
    for warning in warnings(comparison):
        note(f"note: {warning}")
    if json:
        print_json({"comparison": comparison, "timing": timing})
        return
    _print(comparison, timing)
    closing(folder, _next(folder, classifiers))


def _loaded(models: list[str]) -> "dict[str, Classifier]":
    """Each model under a short name, where short names tell them apart."""
    from pasunchat.classifiers.load import load
    from pasunchat.errors import PasunchatError
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


def _next(folder: Path, classifiers: "dict[str, Classifier]") -> str:
    from pasunchat.words import command

    first = next(iter(classifiers.values())).origin
    if first is not None and folder.parent == first:
        return command("report", first)
    return f"look at {folder / 'comparison.png'}"
