"""pasunchat demo: the whole path, on drawn cats and dogs or on your own photos."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.printing import closing, print_outcome, say

if TYPE_CHECKING:
    from pasunchat.demo import Demo

EXAMPLES = ("pasunchat demo", "pasunchat demo --photos my-photos/ --name mine")


def demo(
    photos: Annotated[
        list[str] | None, typer.Option(help="Your photos: a folder or a zip; else drawn ones.")
    ] = None,
    name: Annotated[str, typer.Option(help="The run is runs/NAME.")] = "demo",
    seed: Annotated[int, typer.Option(help="Seed of drawings, weights and order.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
) -> int:
    """Prepare, train, evaluate, fool and report, in about a minute and a half."""
    from pasunchat.demo import run_demo
    from pasunchat.training.recipe import Recipe
    from pasunchat.training.run import new_run_folder

    started = time.monotonic()
    folder = new_run_folder("demo", name, overwrite=overwrite)
    recipe = Recipe(seed=seed, patience=3)
    found = run_demo(folder, photos or ["drawn"], recipe, progress_bar, overwrite=overwrite)
    _print(found)
    say(f"all in {time.monotonic() - started:.0f} s")
    closing(found.report, f"open {found.report} in a browser; pasunchat fool --help")
    return 0 if all(at.outcome.fooled for at in found.fooled) else 1


def _print(found: "Demo") -> None:
    from pasunchat.reports.evaluation import accuracy_in_words
    from pasunchat.words import percent

    say(f"accuracy on the test pictures: {accuracy_in_words(found.evaluation)}")
    say()
    for at in found.fooled:
        print_outcome(at.outcome)
        say(f"  see {at.folder / 'row.png'}")
        say()
    answers = [
        f"{at.outcome.after.label}, {percent(at.outcome.after.confidence)}" for at in found.pipe
    ]
    say(f"a drawn pipe, with a little noise: {answers[0]}; with a little more: {answers[1]}")
    say("Ceci n'est pas un chat.")
    say()
