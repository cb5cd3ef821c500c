"""Batches: which photos each step takes, as pixels or features, and the targets to train towards.

Everything random is a function of the seed, the epoch and the step or the photo, never of what was
drawn before, so that a training that was interrupted goes on with the same batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime, generator
from pasunchat.training.augment import augmented, mirrored, mixup, mixup_share, random_draws
from pasunchat.training.copies import Copies
from pasunchat.training.recipe import Augment, Recipe, steps_of_pass


@dataclass(frozen=True)
class Targets:
    """What the logits of a batch of N inputs are trained towards."""

    labels: Tensor  # int64 [N]; where mixup has blended them, probabilities, float [N, C]
    teacher_logits: Tensor | None = None  # float [N, C]; None without a teacher


class Inputs(Protocol):
    """A dataset as inputs of the module that is trained.

    `PixelInputs` are for training a whole classifier; `FeatureInputs` (features.py) for training
    only the head on a frozen base.
    """

    def module(self, classifier: Classifier) -> nn.Module:
        """The part of the classifier that is trained: it takes what `batch` gives."""

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Targets]:
        """Inputs [N, ...] and their targets, for N rows of the dataset."""

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        """Logits, float32 [N, C] on the CPU, of N photos without augmentation, computed in the
        precision of the training."""


class PixelInputs:
    """The training photos as pixels [N, 3, H, W], augmented as the recipe says.

    teacher_logits: float [M, C], a row for each of the M training photos; None without a teacher.
    folder: where augmented copies are kept meanwhile, if the recipe asks for some.
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        runtime: Runtime,
        teacher_logits: Tensor | None = None,
        folder: Path | None = None,
    ) -> None:
        self.dataset, self.recipe, self.runtime = dataset, recipe, runtime
        self.folder = folder
        self.copies: Copies | None = None
        self.teacher_logits = teacher_logits
        training = dataset.rows("train")
        self.index = np.full(len(dataset.labels), -1)  # row of the dataset -> which training photo
        self.index[training] = np.arange(len(training))
        self.photos = len(training)
        self.turn, self.draws = -1, torch.empty(0)  # the random draws of one pass

    def module(self, classifier: Classifier) -> nn.Module:
        return classifier

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Targets]:
        recipe, augment, device = self.recipe, self.recipe.augment, self.runtime.device
        labels = torch.from_numpy(self.dataset.labels[rows]).to(device)
        logits = None if self.teacher_logits is None else self.teacher_logits[self.index[rows]]
        pixels = self._pixels(rows, self._turn(epoch, step), recipe.resolution_at(epoch))
        if augment.mixup:
            share = mixup_share(augment.mixup, recipe.seed, epoch, step)
            labels = functional.one_hot(labels, len(self.dataset.classes)).float()
            pixels, labels = mixup(pixels, share), mixup(labels, share)
            logits = None if logits is None else mixup(logits, share)
        return pixels, Targets(labels, logits)

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        with self.runtime.autocast():
            return classifier.logits(self.dataset.pixels, rows)

    def _turn(self, epoch: int, step: int) -> int:
        """Which pass through the photos a step belongs to, from 0."""
        steps = steps_of_pass(self.photos, self.recipe.batch_size)
        return epoch * self.recipe.passes(self.photos) + step // steps

    def _pixels(self, rows: NDArray[np.int64], turn: int, size: int | None) -> Tensor:
        """The photos as they are shown in a pass, [N, 3, size, size]."""
        augment, device = self.recipe.augment, self.runtime.device
        if augment == Augment() and size is None:
            return as_pixels(self.dataset.pixels[rows], device)
        if not self.recipe.copies:
            return self._augmented(rows, self._draws(rows, turn), augment, size)
        shown, unmirrored = self._copies(size), replace(augment, flip=0.0)

        def make(copy: int) -> Tensor:
            draws = random_draws(self.photos, self.recipe.seed, copy)[self.index[rows]]
            return self._augmented(rows, draws.to(device), unmirrored, size)

        pixels = shown.pixels(turn, self.index[rows], make, device)
        return mirrored(pixels, self._draws(rows, turn), augment.flip)

    def _augmented(
        self, rows: NDArray[np.int64], draws: Tensor, augment: Augment, size: int | None
    ) -> Tensor:
        pixels = as_pixels(self.dataset.pixels[rows], self.runtime.device)
        return augmented(pixels, draws, augment, size)

    def _copies(self, size: int | None) -> Copies:
        """The copies of the photos at a size, in place of those at another."""
        size = size or self.dataset.size
        if self.copies is None or self.copies.size != size:
            turns = self.recipe.epochs * self.recipe.passes(self.photos)
            self.copies = Copies(self.recipe.copies, turns, self.photos, size, self.folder)
        return self.copies

    def _draws(self, rows: NDArray[np.int64], turn: int) -> Tensor:
        if turn != self.turn:
            self.draws = random_draws(self.photos, self.recipe.seed, turn).to(self.runtime.device)
            self.turn = turn
        return self.draws[self.index[rows]]


def batches(
    dataset: Dataset, recipe: Recipe, epoch: int, first_step: int = 0
) -> Iterator[NDArray[np.int64]]:
    """The batches of one epoch (from 0), from step `first_step` on: rows of the dataset, int64 [N].

    Each of the epoch's passes visits every training photo once, in an order of its own.
    """
    rows, size = dataset.rows("train"), recipe.batch_size
    passes, steps = recipe.passes(len(rows)), steps_of_pass(len(rows), size)
    for turn in range(first_step // steps, passes):
        draw = generator(recipe.seed, "order", epoch * passes + turn)
        order = torch.randperm(len(rows), generator=draw).numpy()
        for step in range(max(0, first_step - turn * steps), steps):
            end = (step + 1) * size if step + 1 < steps else len(rows)
            yield rows[order[step * size : end]]


def training_sample(dataset: Dataset, seed: int) -> NDArray[np.int64]:
    """Rows of training photos to measure beside the validation photos, int64 [N], rising.

    As many as there are validation photos, or all if there are fewer; the same in every epoch.
    """
    rows = dataset.rows("train")
    count = min(len(rows), len(dataset.rows("validation")))
    order = torch.randperm(len(rows), generator=generator(seed, "comparable")).numpy()
    return np.sort(rows[order[:count]])
