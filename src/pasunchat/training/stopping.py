"""When a training ends, and the sentence that says why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Counters

STILL = 1e-3


@dataclass(frozen=True)
class Ending:
    """Why training ended, and whether as the recipe meant."""

    reason: str
    good: bool = True


def ending(recipe: Recipe, at: Counters, answers: NDArray[np.int64]) -> Ending | None:
    """Whether to end after the epoch just measured.

    answers: the predicted class of each validation photo, [N].
    """
    if _does_not_move(at) and len(np.unique(answers)) == 1:
        return Ending(
            "the loss has not moved for two epochs and every photo gets the same answer; try "
            "--lr ten times lower, or another --seed",
            good=False,
        )
    if recipe.patience is not None and at.waited >= recipe.patience:
        return Ending(
            f"validation loss was last lower in epoch {at.best_epoch}; "
            f"stopped after {at.waited} more (patience {recipe.patience})"
        )
    if at.epoch >= recipe.epochs:
        return Ending(f"all {recipe.epochs} epochs are done")
    return None


def not_finite(at: Counters) -> Ending:
    """The loss became infinite or no number at all."""
    kept = f"of epoch {at.best_epoch}" if at.best_epoch else "it started with"
    return Ending(
        f"the loss is no longer a finite number in epoch {at.epoch + 1}; the weights {kept} are "
        "kept; try --lr ten times lower",
        good=False,
    )


def _does_not_move(at: Counters) -> bool:
    last = [row.loss for row in at.history[-2:]]
    return len(last) == 2 and abs(last[0] - last[1]) <= STILL * abs(last[0])
