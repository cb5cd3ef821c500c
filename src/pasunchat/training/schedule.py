"""The rate of each step, as a share of the recipe's: a warm-up, then one cosine."""

from math import cos, pi

from pasunchat.training.recipe import Recipe


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`, in [0, 1] of the recipe's lr.

    It rises in a line over the warm-up and falls to final_lr along half a cosine (Loshchilov and
    Hutter 2017).
    """
    warm = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    done = min(1.0, step / max(1, steps - 1))
    return warm * (recipe.final_lr + (1 - recipe.final_lr) * (1 + cos(pi * done)) / 2)
