"""TrainContext: all that stays the same during a training: the data, the loss, the number of steps.

`new_context` makes it from a dataset and a recipe. What does change, weights and optimizer, is the
TrainState of state.py.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.build import is_pretrained
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.runtime import Runtime
from pasunchat.training.features import FeatureInputs
from pasunchat.training.inputs import Inputs, PixelInputs, Targets
from pasunchat.training.recipe import Augment, Recipe, steps_of_pass

UNEQUAL = 1.5  # photos of the largest class over those of the smallest; above it, weights
TEACHER_BATCH = 64


@dataclass(frozen=True)
class Loss:
    """Cross-entropy in nats to the labels and, where the targets have them, a teacher's answers.

    (1 - s) CE(logits, labels) + s T^2 CE(logits / T, softmax(teacher_logits / T)), where s is the
    teacher's share and T the temperature (Hinton, Vinyals, Dean 2015).
    """

    class_weights: Tensor | None = None  # float [C], one for each class's photos; None: all 1
    label_smoothing: float = 0.0  # share of each label that is spread over all classes
    teacher_share: float = 0.0  # s
    temperature: float = 1.0  # T

    def of_each(self, logits: Tensor, targets: Targets) -> Tensor:
        """What each photo adds to the loss to its label: [N], their mean is the loss."""
        labels, weights = targets.labels, self.class_weights
        losses = functional.cross_entropy(logits, labels, weights, reduction="none")
        return losses if weights is None else losses * len(labels) / weights[labels].sum()

    def __call__(self, logits: Tensor, targets: Targets) -> Tensor:
        """The mean loss of a batch, a scalar, from logits [N, C]."""
        loss = functional.cross_entropy(
            logits, targets.labels, self.class_weights, label_smoothing=self.label_smoothing
        )
        if targets.teacher_logits is None:
            return loss
        answers = (targets.teacher_logits / self.temperature).softmax(1)
        distillation = functional.cross_entropy(logits / self.temperature, answers)
        return torch.lerp(loss, self.temperature**2 * distillation, self.teacher_share)


@dataclass(frozen=True)
class TrainContext:
    """What every step and every measurement of a training uses."""

    dataset: Dataset
    recipe: Recipe
    runtime: Runtime
    inputs: Inputs  # the dataset's photos as pixels, or as features of a frozen base
    loss: Loss  # what the steps minimise
    plain_loss: Loss  # what is reported after an epoch: no teacher, no label smoothing
    photos: int  # that one epoch goes through, each as often as the recipe's passes
    steps: int  # of one epoch

    @property
    def total_steps(self) -> int:
        """Steps of all epochs of the recipe."""
        return self.steps * self.recipe.epochs


def new_context(
    classifier: Classifier,
    dataset: Dataset,
    recipe: Recipe,
    runtime: Runtime,
    class_weights: tuple[float, ...] | None = None,
    progress: Progress = silent,
) -> TrainContext:
    """The context of training `classifier`.

    A frozen base or a teacher runs over all photos here, once; progress: of the frozen base.
    Raises PasunchatError if the teacher cannot be loaded or has other classes.
    """
    weights = None if class_weights is None else torch.tensor(class_weights, device=runtime.device)
    photos = len(dataset.rows("train"))
    passes = recipe.passes(photos)
    inputs: Inputs
    if isinstance(classifier.network, BaseAndHead) and classifier.network.frozen:
        inputs = FeatureInputs(classifier, dataset, recipe, runtime, progress)
    else:
        inputs = PixelInputs(dataset, recipe, runtime, teacher_logits(recipe, dataset, runtime))
    return TrainContext(
        dataset=dataset,
        recipe=recipe,
        runtime=runtime,
        inputs=inputs,
        loss=training_loss(recipe, weights),
        plain_loss=Loss(weights),
        photos=passes * photos,
        steps=passes * steps_of_pass(photos, recipe.batch_size),
    )


def training_loss(recipe: Recipe, class_weights: Tensor | None) -> Loss:
    """The loss that a recipe's steps minimise. class_weights: float [C], or None."""
    share = recipe.teacher_share if recipe.teacher else 0.0
    return Loss(class_weights, recipe.label_smoothing, share, recipe.temperature)


def class_weights(dataset: Dataset) -> tuple[float, ...] | None:
    """The weight of each class in the loss, by which all classes count alike.

    N / (C n) for a class with n of the N training photos, C the number of classes. None where the
    largest class has at most 1.5 times as many as the smallest.
    """
    labels = dataset.labels[dataset.rows("train")]
    counts = np.bincount(labels, minlength=len(dataset.classes))
    if counts.max() <= UNEQUAL * counts.min():
        return None
    return tuple((len(labels) / (len(counts) * counts)).tolist())


def teacher_logits(recipe: Recipe, dataset: Dataset, runtime: Runtime) -> Tensor | None:
    """The logits of the recipe's teacher, float [M, C], for the M training photos, in order.

    The photos are resized to the teacher's size. None without a teacher. Raises PasunchatError if
    the teacher's classes are not the dataset's.
    """
    if not recipe.teacher:
        return None
    from pasunchat.classifiers.load import load  # imports a loader for every kind of model

    teacher = load(recipe.teacher).to(runtime.device)
    if teacher.classes != dataset.classes:
        raise PasunchatError(
            f"the teacher tells apart {', '.join(teacher.classes)}, but the dataset holds "
            f"{', '.join(dataset.classes)}; take a teacher of the same classes"
        )
    rows, size = dataset.rows("train"), teacher.size or dataset.size
    parts = []
    for first in range(0, len(rows), TEACHER_BATCH):
        pixels = as_pixels(dataset.pixels[rows[first : first + TEACHER_BATCH]], runtime.device)
        if size != dataset.size:
            pixels = functional.interpolate(
                pixels, (size, size), mode="bicubic", antialias=True, align_corners=False
            ).clamp(0, 1)
        parts.append(teacher.predict_logits(pixels))
    return torch.cat(parts).to(runtime.device)


def refuse_unfit(dataset: Dataset, recipe: Recipe) -> None:
    """Raise PasunchatError for what a training should not begin with: a class without training or
    validation photos, and a setting of the recipe that would have no effect."""
    _refuse_ineffective(recipe)
    for split in ("train", "validation"):
        present = np.unique(dataset.labels[dataset.rows(split)])
        missing = sorted(set(range(len(dataset.classes))) - set(present.tolist()))
        if missing:
            raise PasunchatError(
                f'no {split} photo of class "{dataset.classes[missing[0]]}" in {dataset.folder}; '
                "training needs photos of every class for training and validation: prepare "
                "again with another --split"
            )


def _refuse_ineffective(recipe: Recipe) -> None:
    """Refuse what has no effect where a head is trained alone, on the kept features of its base: a
    teacher, resolutions, and every augmentation but the mirror image."""
    if not is_pretrained(recipe.network) or recipe.unfreeze != 0:
        return
    augment = replace(recipe.augment, flip=Augment().flip) != Augment()
    settings = {"teacher": recipe.teacher, "resolutions": recipe.resolutions, "augment": augment}
    ineffective = [name for name, value in settings.items() if value]
    if ineffective:
        raise PasunchatError(
            f"{ineffective[0]}: {recipe.network} learns from kept features of its frozen base, "
            "where this has no effect (of augment, only flip has); leave it out, or train the base "
            "too with --unfreeze all"
        )
