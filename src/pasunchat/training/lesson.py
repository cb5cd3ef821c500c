"""All that stays the same through a training: recipe, pictures, losses, and how many steps."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.load import load
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.runtime import Machine
from pasunchat.training.features import Features
from pasunchat.training.inputs import Inputs, Pictures
from pasunchat.training.loss import Loss, training_loss
from pasunchat.training.recipe import Recipe

TEACHER_BATCH = 64


@dataclass(frozen=True)
class Lesson:
    """steps: of one epoch; all_steps: of all. loss: of the steps; plain_loss: what is measured,
    without teacher and smoothing."""

    recipe: Recipe
    on: Machine
    inputs: Inputs
    loss: Loss
    plain_loss: Loss
    steps: int
    all_steps: int


def new_lesson(
    classifier: Classifier,
    dataset: Dataset,
    recipe: Recipe,
    class_weights: tuple[float, ...] | None,
    on: Machine,
    progress: Progress = silent,
) -> Lesson:
    """What a recipe makes of a dataset. A frozen base is run here, once over each photo, and a
    teacher is asked."""
    weights = None if class_weights is None else torch.tensor(class_weights, device=on.device)
    steps = ceil(len(dataset.rows("train")) / recipe.batch_size)
    inputs: Inputs
    if isinstance(classifier.network, BaseAndHead) and classifier.network.frozen:
        inputs = Features(classifier, dataset, recipe, on, progress)
    else:
        teacher = taught(load(recipe.teacher), dataset, on) if recipe.teacher else None
        inputs = Pictures(dataset, recipe, on, teacher)
    return Lesson(
        recipe=recipe,
        on=on,
        inputs=inputs,
        loss=training_loss(recipe, weights),
        plain_loss=Loss(weights),
        steps=steps,
        all_steps=steps * recipe.epochs,
    )


def taught(teacher: Classifier, dataset: Dataset, on: Machine) -> Tensor:
    """A teacher's logits [N, C] for the training photos, resized to what it wants.

    Raises PasunchatError if its classes are others.
    """
    if teacher.classes != dataset.classes:
        raise PasunchatError(
            f"the teacher tells apart {', '.join(teacher.classes)}, but the dataset holds "
            f"{', '.join(dataset.classes)}; take a teacher of the same classes"
        )
    teacher, rows, found = teacher.to(on.device), dataset.rows("train"), []
    for first in range(0, len(rows), TEACHER_BATCH):
        pixels = as_pixels(dataset.pixels[rows[first : first + TEACHER_BATCH]], on.device)
        side = teacher.size or dataset.size
        if side != dataset.size:
            pixels = functional.interpolate(
                pixels, (side, side), mode="bicubic", antialias=True, align_corners=False
            ).clamp(0, 1)
        found.append(teacher.predict_logits(pixels))
    return torch.cat(found).to(on.device)
