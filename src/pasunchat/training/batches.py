"""Which photos a batch holds: a function of (seed, epoch, step), so that any run can go on."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import generator
from pasunchat.training.recipe import Recipe


def batches(
    dataset: Dataset, recipe: Recipe, epoch: int, first_step: int = 0
) -> Iterator[NDArray[np.int64]]:
    """The batches of one epoch (counted from 0) as rows of the dataset, from `first_step` on."""
    rows = dataset.rows("train")
    order = torch.randperm(len(rows), generator=generator(recipe.seed, "order", epoch)).numpy()
    for first in range(first_step * recipe.batch_size, len(rows), recipe.batch_size):
        yield rows[order[first : first + recipe.batch_size]]


def comparable_rows(dataset: Dataset, seed: int) -> NDArray[np.int64]:
    """Training photos to measure beside the validation photos: as many of them, always the same."""
    rows = dataset.rows("train")
    wanted = min(len(rows), len(dataset.rows("validation")))
    order = torch.randperm(len(rows), generator=generator(seed, "comparable")).numpy()
    return np.sort(rows[order[:wanted]])
