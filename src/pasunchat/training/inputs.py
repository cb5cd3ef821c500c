"""What a network learns from: pictures, changed anew each time, with what is wanted of them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine
from pasunchat.training.augment import augmented, draws, mixed, mixing_share
from pasunchat.training.recipe import Augment, Recipe


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a batch. labels: int64 [N], or probabilities [N, C] where they are
    blended. teacher: the teacher's logits [N, C], or None."""

    labels: Tensor
    teacher: Tensor | None = None


class Inputs(Protocol):
    """What a training draws its batches from, and is measured on."""

    def learner(self, classifier: Classifier) -> nn.Module:
        """The part of the classifier that is trained, and takes what `batch` gives."""

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Wanted]:
        """Inputs, rows first, and what is wanted of them, for some rows of the dataset."""

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        """What the classifier says of some photos, unchanged, in the precision of the training:
        [N, C], on the CPU."""


class Pictures:
    """The training photos of a dataset, changed as the recipe says each time they are seen."""

    def __init__(
        self, dataset: Dataset, recipe: Recipe, on: Machine, teacher: Tensor | None = None
    ) -> None:
        self.dataset, self.recipe, self.on, self.teacher = dataset, recipe, on, teacher
        self.place = np.full(len(dataset.labels), -1)
        self.place[dataset.rows("train")] = np.arange(len(dataset.rows("train")))
        self.epoch, self.chance = -1, torch.empty(0)

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Wanted]:
        recipe, how = self.recipe, self.recipe.augment
        pixels = as_pixels(self.dataset.pixels[rows], self.on.device)
        labels = torch.from_numpy(self.dataset.labels[rows]).to(self.on.device)
        teacher = None if self.teacher is None else self.teacher[self.place[rows]]
        if how != Augment() or recipe.sides:
            pixels = augmented(pixels, self._chance(rows, epoch), how, self._side(epoch))
        if how.mixup:
            share = mixing_share(how.mixup, recipe.seed, epoch, step)
            labels = functional.one_hot(labels, len(self.dataset.classes)).float()
            pixels, labels = mixed(pixels, share), mixed(labels, share)
            teacher = None if teacher is None else mixed(teacher, share)
        return pixels, Wanted(labels, teacher)

    def learner(self, classifier: Classifier) -> nn.Module:
        return classifier

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        with self.on.autocast():
            return classifier.logits(self.dataset.pixels, rows)

    def _chance(self, rows: NDArray[np.int64], epoch: int) -> Tensor:
        if epoch != self.epoch:
            photos = len(self.dataset.rows("train"))
            self.chance = draws(photos, self.recipe.seed, epoch).to(self.on.device)
            self.epoch = epoch
        return self.chance[self.place[rows]]

    def _side(self, epoch: int) -> int | None:
        sides = self.recipe.sides
        return (
            sides[min(epoch * len(sides) // self.recipe.epochs, len(sides) - 1)] if sides else None
        )
