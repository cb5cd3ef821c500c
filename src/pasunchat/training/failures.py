"""The two ways in which a defended training fails, recognised in what was measured of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pasunchat.training.defences import Defending, at_full_radius, defending
from pasunchat.training.defences.pgd import Pgd
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Epoch
from pasunchat.words import share

if TYPE_CHECKING:
    from pasunchat.training.state import Counters

OVERFITTED = 0.2  # robust accuracy by one step less that by four: more than any sound network shows
SEEN = 2  # epochs in a row that show a sign before a training is ended for it


def sign_of_failure(recipe: Recipe, counters: "Counters") -> str | None:
    """Why a defended training is to be ended as failed, in a sentence; None to go on.

    A sign counts when two epochs in a row show it, or the last epoch does; that of overfitting
    only once the radius is full: before, no network withstands four steps of it.
    """
    assert recipe.defend is not None
    last = counters.history[-1 if counters.epoch >= recipe.epochs else -SEEN :]
    if counters.epoch < min(SEEN, recipe.epochs):
        return None
    defence, kept = defending(recipe.defend), f"the weights of epoch {counters.best_epoch} are kept"
    if all(row.one_answer for row in last):
        return f"{_one_answer(defence, recipe)}; {kept}"
    if all(at_full_radius(row.epoch, recipe.epochs) and is_overfitted(row) for row in last):
        return f"{_overfitted(defence, last[-1])}; {kept}"
    return None


def is_overfitted(row: Epoch) -> bool:
    """Whether it withstands one step, but not ten: catastrophic overfitting (Wong et al. 2020)."""
    if row.robust_accuracy is None or row.one_step_accuracy is None:
        return False
    return row.one_step_accuracy - row.robust_accuracy > OVERFITTED


def _one_answer(defence: Defending, recipe: Recipe) -> str:
    half = written(replace(defence, radius=defence.radius / 2))
    return (
        f"with changes of {defence.size_in_words} every photo gets the same answer: that is too "
        f"large for this network, or it grew too fast; try --defend {half}, or --epochs "
        f"{2 * recipe.epochs}"
    )


def _overfitted(defence: Defending, row: Epoch) -> str:
    assert row.robust_accuracy is not None and row.one_step_accuracy is not None
    steps = 2 * defence.method.steps if isinstance(defence.method, Pgd) else Pgd().steps
    return (
        f"{share(row.one_step_accuracy)} of validation photos withstand one step within "
        f"{defence.size_in_words}, but only {share(row.robust_accuracy)} withstand four: it has "
        "learnt to withstand its own attack alone (catastrophic overfitting); retry with --defend "
        f"{written(defence)}:pgd:steps={steps}"
    )


def written(defence: Defending) -> str:
    """What is asked for, without the defence that does it: "linf:0.5/255"."""
    if defence.against == "linf":
        return f"linf:{255 * defence.radius:.4g}/255"
    return f"{defence.against}:{defence.radius:.4g}"
