"""Two trainers of ART (adversarial-robustness-toolbox) for defences.py, on the same batches.

ART takes NumPy arrays, one-hot labels and a generator that never ends.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from art.attacks.evasion import ProjectedGradientDescent
from art.data_generators import DataGenerator
from art.defences.trainer import AdversarialTrainer, AdversarialTrainerFBFPyTorch
from art.estimators.classification import PyTorchClassifier
from torch import nn
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.inputs import PixelInputs, batches
from pasunchat.training.recipe import Recipe

PGD_STEPS = 2  # the fewest that is more than one; ART's own default of 100 would take hours


class Batches(DataGenerator):
    """The batches of a recipe, epoch after epoch."""

    def __init__(self, dataset: Dataset, recipe: Recipe) -> None:
        super().__init__(size=len(dataset.rows("train")), batch_size=recipe.batch_size)
        self.batches = self.all(dataset, recipe)

    def all(self, dataset: Dataset, recipe: Recipe) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        inputs = PixelInputs(dataset, recipe, Runtime())
        for epoch in count():
            for step, rows in enumerate(batches(dataset, recipe, epoch)):
                pixels, targets = inputs.batch(rows, epoch, step)
                one_hot = functional.one_hot(targets.labels, len(dataset.classes)).float()
                yield pixels.numpy(), one_hot.numpy()

    def get_batch(self) -> tuple[np.ndarray, np.ndarray]:
        return next(self.batches)


def fast(dataset: Dataset, recipe: Recipe, classifier: Classifier, radius: float) -> None:
    """AdversarialTrainerFBFPyTorch, "Fast is better than free". It sets the rate itself, up to
    0.21, which is meant for SGD."""
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    trainer = AdversarialTrainerFBFPyTorch(wrapped(dataset, classifier, optimizer), eps=radius)
    trainer.fit_generator(Batches(dataset, recipe), nb_epochs=recipe.epochs)
    classifier.eval()


def pgd(dataset: Dataset, recipe: Recipe, classifier: Classifier, radius: float) -> None:
    """AdversarialTrainer with PGD on every photo of a batch, at the rate of the others."""
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=recipe.lr, weight_decay=5e-4)
    estimator = wrapped(dataset, classifier, optimizer)
    attack = ProjectedGradientDescent(
        estimator, eps=radius, eps_step=radius, max_iter=PGD_STEPS, num_random_init=1,
        batch_size=recipe.batch_size, verbose=False,
    )  # fmt: skip
    trainer = AdversarialTrainer(estimator, attack, ratio=1.0)
    trainer.fit_generator(Batches(dataset, recipe), nb_epochs=recipe.epochs)
    classifier.eval()


def wrapped(
    dataset: Dataset, classifier: Classifier, optimizer: torch.optim.Optimizer
) -> PyTorchClassifier:
    size = dataset.pixels.shape[1]
    return PyTorchClassifier(
        classifier, nn.CrossEntropyLoss(), input_shape=(3, size, size),
        nb_classes=len(dataset.classes), optimizer=optimizer, clip_values=(0.0, 1.0),
    )  # fmt: skip
