"""pasunchat demo: the whole path, on drawn cats and dogs or on your own photos."""

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.models import note_letters
from pasunchat.commands.printing import closing, print_outcome, say

if TYPE_CHECKING:
    from pasunchat.demo import Demo

EXAMPLES = ("pasunchat demo", "pasunchat demo --photos my-photos/ --name mine")


def demo(
    photos: Annotated[
        list[str] | None, typer.Option(help="Your photos: a folder or a zip; else drawn ones.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Network: simple is the talk's, and usual for drawn photos; for yours it is the "
            "pretrained efficientnet-lite0, which needs few."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The run is runs/NAME.")] = "demo",
    seed: Annotated[int, typer.Option(help="Seed of drawings, weights and order.")] = 0,
    lang: Annotated[Literal["en", "fr"], typer.Option(help="Language of the report.")] = "en",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
) -> int:
    """Prepare, train, evaluate, fool and report, in about a minute and a half."""
    from pasunchat.demo import demo_folder, demo_recipe, run_demo
    from pasunchat.words import command, duration

    started = time.monotonic()
    recipe = demo_recipe(network, seed, own_photos=bool(photos))
    folder = demo_folder(name, recipe, overwrite=overwrite)
    found = run_demo(
        folder, photos or ["drawn"], recipe, progress_bar, overwrite=overwrite, lang=lang
    )
    note_letters(found.evaluation.class_names)
    _print(found)
    say(f"all in {duration(time.monotonic() - started)}")
    next_one = command("predict", "PHOTO", "--model", folder)
    closing(found.report, f"open {found.report} in a browser; {next_one}")
    return 0 if found.fooled and all(at.outcome.fooled for at in found.fooled) else 1


def _print(found: "Demo") -> None:
    from pasunchat.demo import FEW
    from pasunchat.fooled.outcome_in_words import noise_in_words
    from pasunchat.reports.evaluation import accuracy_in_words, coin_in_words, cure, floor_in_words
    from pasunchat.words import count, percent

    evaluation = found.evaluation
    say(f"model: {evaluation.model}, the network {found.run.recipe.network}")
    say(f"accuracy on the test photos: {accuracy_in_words(evaluation)}")
    say("(in brackets its 95 % interval: how good it may be on others like these)")
    say(floor_in_words(evaluation))
    counts = {name: sum(split.values()) for name, split in found.run.info.data.counts.items()}
    fewest = min(counts, key=counts.__getitem__)
    if counts[fewest] < FEW:
        few = count(counts[fewest], "photo")
        say(f"there are only {few} of {fewest}; {FEW} a class or more teach better")
    if not evaluation.beats_floor:
        say(cure(found.run.recipe.network))
        say(coin_in_words(evaluation))
    say()
    if not found.fooled:
        say("it reads none of the test photos rightly, so there is none to fool")
    for at in found.fooled:
        print_outcome(at.outcome)
        say(f"  look at {at.folder / 'row.png'}")
        say()
    answers = [
        f"{at.outcome.after.label}, {percent(at.outcome.after.confidence)}" for at in found.pipe
    ]
    sizes = [noise_in_words([at.outcome]) for at in found.pipe]
    say(f"a drawn pipe, which is neither, with {sizes[0]}: {answers[0]}")
    say(f"the same, and {sizes[1]}, on top: {answers[1]}")
    say("Ceci n'est pas un chat.")
    say()
