"""pasunchat train: options and printing of a training; the work is `train` in training/loop.py."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pasunchat.commands.bars import epoch_bar, progress_bar
from pasunchat.commands.printing import closing, note, print_json, say, table
from pasunchat.errors import PasunchatError
from pasunchat.storage import RUNS

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.photos.dataset import Dataset
    from pasunchat.runtime import Runtime
    from pasunchat.training.recipe import Recipe
    from pasunchat.training.run import Run

EXAMPLES = (
    "pasunchat train photos/ --network simple",
    "pasunchat train photos/ --network tiny --recipe strong --set augment.flip=0",
    "pasunchat train photos/ --start simple --defend linf:1/255 --name hard",
    "pasunchat train --resume simple",
)

USUAL_NETWORK = "efficientnet-lite0"


def train(
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Prepared dataset; or photos (folders, zips, drawn) to prepare."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="pasunchat docs networks; else that of --start, or efficientnet-lite0."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Begin from this run or shipped model."),
    ] = None,
    defend: Annotated[
        str | None,
        typer.Option(
            help="Against changes: linf:1/255, l2:0.5, noise:0.25, auto (pasunchat docs defences)."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="talk, strong, head or defended; else defended with --defend, or the usual one."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes through the photos, at most.")] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs to wait for a lower loss.")] = None,
    early_stopping: Annotated[
        bool, typer.Option(help="Stop by patience; the best are kept.")
    ] = True,
    batch_size: Annotated[int | None, typer.Option(help="Photos in each step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of Adam.")] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Side of the pictures, in pixels."),
    ] = None,
    unfreeze: Annotated[
        str | None,
        typer.Option(help="Last parts of a base to train, or all."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="File with the weights of vgg16's base.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the recipe: ema=0.999."),
    ] = None,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str | None, typer.Option(help="Precision: fp32 or bf16.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run: runs/NAME.")] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with this run (name or folder).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Train a network. The talk's own: --network simple, by the talk's recipe."""
    from pasunchat.classifiers.build import usual_size
    from pasunchat.runtime import set_up_runtime
    from pasunchat.training.recipe import usual_recipe
    from pasunchat.training.run import new_run_folder

    if resume:
        _refuse_both(data)
        folder, dataset, resumed, runtime = _resumed(resume, device)
        return _train(dataset, resumed, folder, runtime, overwrite=False, json=json)
    begun = None if start is None else _start(start)
    network = network or (begun and begun.info.network_name) or USUAL_NETWORK
    options: dict[str, Any] = {
        "network": network if weights is None else f"{network}:weights={weights}",
        "start": begun and begun.known_as,
        "defend": defend,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "lr": lr,
        "seed": seed,
        "precision": precision,
    }
    words = [] if unfreeze is None else [f"unfreeze={unfreeze}"]
    usual = usual_recipe(network, defended=defend is not None)
    chosen = _recipe(recipe or usual, options, early_stopping, words + (settings or []))
    runtime = set_up_runtime(device, chosen.precision)
    usual_side = (begun.size if begun else None) or usual_size(chosen.network)
    dataset = _dataset(data, size, usual_side)
    if defend is not None:
        chosen = replace(chosen, defend=_measured(defend, begun, dataset))
    network_name = chosen.network.partition(":")[0]
    folder = new_run_folder(network_name, name, overwrite=overwrite)
    _note_unfinished(RUNS / network_name, folder)
    return _train(dataset, chosen, folder, runtime, overwrite=overwrite, json=json)


def _start(name: str) -> "Classifier":
    from pasunchat.classifiers.load import load

    return load(name)


def _measured(defend: str, start: "Classifier | None", dataset: "Dataset") -> str:
    """The defence, with a number in place of a radius that is to be measured: auto, linf:2x."""
    from pasunchat.measures.typical_radius import with_typical_radius

    with progress_bar("measuring") as progress:
        found = with_typical_radius(defend, start, dataset, progress)
    if found != defend:
        note(f"--defend {defend} is {found}: what fools {start and start.known_as} in the middle")
    return found


def _note_unfinished(begun: Path, folder: Path) -> None:
    """Say on stderr where a stopped run has the usual name, so that this one has another."""
    from pasunchat.training.run import RUN, open_run
    from pasunchat.words import command

    if folder != begun and (begun / RUN).is_file() and not open_run(begun).finished:
        note(
            f"note: {begun} is unfinished, so this run is {folder}; to go on with that one: "
            f"{command('train', '--resume', begun)}"
        )


def _recipe(
    name: str, options: dict[str, Any], early_stopping: bool, settings: list[str]
) -> "Recipe":
    """The named recipe, changed by the options that are not None and then by --set."""
    from pasunchat.parsing import from_table, with_nested_settings
    from pasunchat.training.recipe import RECIPES

    recipe = replace(
        from_table(name, RECIPES, "recipe"),
        **{field: value for field, value in options.items() if value is not None},
    )
    if not early_stopping:
        recipe = replace(recipe, patience=None)
    words: dict[str, str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise PasunchatError(f'--set: expected key=value, got "{setting}"')
        words[key.strip()] = text.strip()
    return with_nested_settings(recipe, words, "the recipe")


def _refuse_both(data: list[str] | None) -> None:
    if data:
        raise PasunchatError("--resume knows its own data; leave DATA out")


def _resumed(name: str, device: str) -> "tuple[Path, Dataset, Recipe, Runtime]":
    from pasunchat.photos.dataset import open_dataset
    from pasunchat.runtime import set_up_runtime
    from pasunchat.training.run import find_run, open_run

    folder = find_run(name)
    run = open_run(folder)
    if run.finished:
        raise PasunchatError(f"{folder} is finished: {run.info.ended}")
    dataset = open_dataset(Path(run.info.data.path))
    return folder, dataset, run.recipe, set_up_runtime(device, run.recipe.precision)


def _dataset(data: list[str] | None, size: int | None, usual_side: int) -> "Dataset":
    from pasunchat.photos.prepare import dataset_or_prepared

    with progress_bar("preparing") as progress:
        dataset = dataset_or_prepared(data, size=size, usual_size=usual_side, progress=progress)
    if dataset.folder not in map(Path, data or ()):
        note(f"prepared {len(dataset.names):,} photos, kept in {dataset.folder}")
    return dataset


def _train(
    dataset: "Dataset",
    recipe: "Recipe",
    folder: Path,
    runtime: "Runtime",
    *,
    overwrite: bool,
    json: bool,
) -> int:
    from pasunchat.reports.curves import draw_curves, seen_in_curves
    from pasunchat.training.loop import Interrupted, train
    from pasunchat.words import command

    with epoch_bar() as show, stop_requested() as requested:
        try:
            run = train(
                dataset,
                recipe,
                folder,
                runtime=runtime,
                overwrite=overwrite,
                progress=lambda p: show(_title(p.epoch), p.done, p.total),
                should_stop=requested,
            )
        except Interrupted as stopped:
            note(f"{stopped}; go on with: {command('train', '--resume', folder)}")
            return 130
    draw_curves(run, folder)
    if json:
        print_json({"folder": str(folder), "info": run.info, "history": run.history})
    else:
        _print(run, seen_in_curves(run))
    return 0 if run.info.good else 1


def _title(epoch: int) -> str:
    return f"epoch {epoch}" if epoch else "features"


def _print(run: "Run", seen: str) -> None:
    from pasunchat.words import command, share

    if run.info.class_weights:
        weights = sorted(run.info.class_weights)
        span = f"{weights[0]:.2f} to {weights[-1]:.2f}"
        say(f"classes are unequal: each photo counts by its class's weight, {span}")
    photos = sum(sides["train"] for sides in run.info.data.counts.values())
    passes = run.recipe.passes(photos)
    if passes > 1:
        say(f"few photos: an epoch goes through the {photos} training photos {passes} times")
    defended = any(row.robust_accuracy is not None for row in run.history)
    table(
        (
            *("epoch", "training loss", "accuracy", "validation loss", "accuracy"),
            *(("robust accuracy",) if defended else ()),
        ),
        [
            (
                f"{row.epoch}{' (kept)' if row.epoch == run.info.best_epoch else ''}",
                f"{row.training_loss:.3f}",
                share(row.training_accuracy),
                f"{row.validation_loss:.3f}",
                share(row.validation_accuracy),
                *(() if row.robust_accuracy is None else (share(row.robust_accuracy),)),
            )
            for row in run.history
        ],
    )
    say(f"ended: {run.info.ended}")
    say(seen)
    closing(run.folder, command("evaluate", run.folder))


@contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C or SIGTERM into a flag that the loop reads between two steps."""
    requested = False

    def request(*_: object) -> None:
        nonlocal requested
        requested = True

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, request) for kind in kinds}
    try:
        yield lambda: requested
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
