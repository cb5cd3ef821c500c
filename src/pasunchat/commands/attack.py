"""pasunchat attack: how much a classifier withstands, on all photos of a split."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pasunchat.commands.printing import closing, note, print_json, progress_bar, say, table
from pasunchat.errors import PasunchatError
from pasunchat.parsing import number

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.measures.robust_accuracy import Robustness
    from pasunchat.measures.robustness import SoFar
    from pasunchat.photos.dataset import Dataset

EXAMPLES = (
    "pasunchat attack simple --data photos/ --limit 100",
    "pasunchat attack simple --data data/ --norm linf --require 0.5@2/255",
)
LOOKED_AT, QUESTIONS = 4, 40  # photos and questions each for the warnings
LONG = 10.0  # seconds: from here on it is said beforehand how long it takes


def attack(
    model: Annotated[str, typer.Argument(help="A run, or any model (docs/models.md).")],
    data: Annotated[list[str], typer.Option(help="A dataset, or photos to prepare.")],
    attack: Annotated[
        str | None,
        typer.Option(help="A name (docs/attacks.md), with settings; else the norm's own best."),
    ] = None,
    norm: Annotated[str, typer.Option(help="l2, linf, l1, l0 or pixels.")] = "l2",
    radius: Annotated[
        str | None, typer.Option(help="Any change up to this, as 4/255; else the least.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="How sure it must be when fooled, as 0.95; else at all.")
    ] = None,
    effort: Annotated[
        Literal["quick", "normal", "thorough"], typer.Option(help="How long to search.")
    ] = "normal",
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    limit: Annotated[
        int | None, typer.Option(help="So many photos, spread over the split; else all.")
    ] = None,
    require: Annotated[
        str | None, typer.Option(help="SHARE@RADIUS, as 0.5@2/255: else exit status 1.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else attack/SETTINGS in the run, or here."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what an attack draws.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Fool a classifier with every photo of a split, and see how small a change is enough.

    Stopped at any moment, the same command goes on where it was. Each picture is judged as read
    back from disk. Exit status 1: fewer stay right than --require asks for.
    """
    from pasunchat.attacks.norms import NORMS
    from pasunchat.classifiers.load import load
    from pasunchat.measures.robustness import attack_split
    from pasunchat.measures.same_photos import datasets_for
    from pasunchat.parsing import from_table
    from pasunchat.reports.robustness import attack_folder, draw_robustness
    from pasunchat.runtime import set_up_runtime

    reach = None if radius is None else number(radius, "--radius")
    wanted = None if require is None else _required(require, reach)
    measure = from_table(norm, NORMS, "norm")
    classifier = load(model).to(set_up_runtime(device).device)
    with progress_bar("preparing") as preparing:
        dataset = datasets_for({model: classifier}, data, preparing)[model]
    said = _said(attack, norm, radius, confidence, effort, split, limit)
    folder = output or attack_folder(classifier, dataset, said)
    _note_learnt(classifier, dataset)
    _warn(classifier, dataset, split)
    try:
        with attack_bar() as progress:
            found = attack_split(
                classifier, dataset, folder,
                attack=attack, norm=measure, radius=reach, confidence=confidence or None,
                effort=effort, split=split, limit=limit, seed=seed, overwrite=overwrite,
                progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        note(f"stopped; the same command goes on with {folder}")
        return 130
    draw_robustness(folder, found, dataset)
    if json:
        print_json(found)
    else:
        _print(found)
        closing(folder, _next(folder, classifier))
    return 0 if wanted is None or _holds(found, *wanted) else 1


def _required(text: str, radius: float | None) -> tuple[float, float]:
    """ "0.5@2/255": the share that must stay right, and the radius within which."""
    share, at, reach = text.partition("@")
    if not at:
        raise PasunchatError(f'--require: expected SHARE@RADIUS, as 0.5@2/255, got "{text}"')
    wanted = number(share, "--require, its share"), number(reach, "--require, its radius")
    if wanted[0] > 1:
        raise PasunchatError(f'--require: expected a share of at most 1, got "{share}"')
    if radius is not None and wanted[1] > radius:
        raise PasunchatError(
            f"--require asks about {reach}, farther than --radius lets the attack go; "
            "raise --radius or leave it out"
        )
    return wanted


def _said(
    attack: str | None,
    norm: str,
    radius: str | None,
    confidence: float | None,
    effort: str,
    split: str,
    limit: int | None,
) -> list[str]:
    """The settings that a folder is named after: those that are not the usual ones."""
    words = [attack or "best", norm]
    words += [f"within-{radius}"] if radius is not None else []
    words += [f"at-{confidence:g}"] if confidence else []
    words += [effort] if effort != "normal" else []
    words += [split] if split != "test" else []
    return words + ([f"limit-{limit}"] if limit is not None else [])


def _note_learnt(classifier: "Classifier", dataset: "Dataset") -> None:
    if classifier.trained_on not in (None, dataset.digest):
        note(
            "note: the model learnt from another dataset than this one; if its training photos "
            "are among these, it may withstand them more than others"
        )


def _warn(classifier: "Classifier", dataset: "Dataset", split: str) -> None:
    """Say on stderr what speaks against believing attacks on this classifier."""
    import torch

    from pasunchat.attacks.problem import Goal
    from pasunchat.attacks.sanity_checks import checks
    from pasunchat.classifiers.classifier import as_pixels

    rows = dataset.rows(split)[:LOOKED_AT]
    pixels = as_pixels(dataset.pixels[rows], classifier.mean.device)
    goal = Goal(torch.from_numpy(dataset.labels[rows]), reach=False)
    for check in checks(classifier, pixels, goal, queries=QUESTIONS) if len(rows) else ():
        note(f"warning: {check.sentence} (docs/warnings.md: {check.heading})")


@contextmanager
def attack_bar() -> "Iterator[Callable[[SoFar], None]]":
    """A bar on stderr with what is done, fooled so far and the time left; and, with or without a
    terminal, one line with the time it will take, if that is long."""
    from pasunchat.words import count, duration

    estimated = False
    with _bar() as bar:
        task = bar.add_task("", total=None, fooled=0, end=None)

        def show(at: "SoFar") -> None:
            nonlocal estimated
            seconds = at.seconds_left
            if seconds is not None and not estimated:
                estimated = True
                if seconds >= LONG:
                    others = count(at.photos - at.done, "more photo")
                    bar.console.print(f"{others}: about {duration(seconds)}", highlight=False)
            end = None if seconds is None else time.monotonic() + seconds
            bar.update(task, completed=at.done, total=at.photos, fooled=at.fooled, end=end)

        yield show


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
    )
    from rich.text import Text

    from pasunchat.words import duration

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            end = task.fields["end"]
            left = 0.0 if end is None else end - time.monotonic()
            return Text(f"{duration(left)} left" if left >= 1 else "")

    console = Console(stderr=True)
    return Progress(
        TextColumn("attacking"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[fooled]} fooled"), Left(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _print(found: "Robustness") -> None:
    from pasunchat.reports.robustness_words import enough_in_words, limits, photo_in_words, told

    for sentence in told(found):
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
    for sentence in limits(found):
        say(f"({sentence})")


def _next(folder: Path, classifier: "Classifier") -> str:
    if classifier.origin is not None and folder.parent.parent == classifier.origin:
        return f"pasunchat report {classifier.origin}"
    return f"look at {folder / 'curve.png'}"


def _holds(found: "Robustness", share: float, radius: float) -> bool:
    """Whether enough stay right within the radius, said on stderr."""
    from pasunchat.reports.robustness_words import size_in_words
    from pasunchat.words import share as in_words

    stays = found.accuracy_within(radius)
    within = f"{in_words(stays)} stay right within {size_in_words(found.facts, radius)}"
    if stays >= share:
        note(f"holds: {within}, {in_words(share)} required")
        return True
    note(f"falls short: {within}, {in_words(share)} required")
    return False
