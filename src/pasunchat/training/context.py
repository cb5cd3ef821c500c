"""TrainContext: all that stays the same during a training: the data, the loss, the number of steps.

`new_context` makes it from a dataset and a recipe. What does change, weights and optimizer, is the
TrainState of state.py.
"""

from dataclasses import dataclass, replace
from pathlib import Path

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
from pasunchat.training.defences import Defending, defending
from pasunchat.training.defences.intervals import worst_logits
from pasunchat.training.features import FeatureInputs
from pasunchat.training.inputs import Inputs, PixelInputs
from pasunchat.training.loss import Loss
from pasunchat.training.recipe import Augment, Recipe, steps_of_pass

UNEQUAL = 1.5  # photos of the largest class over those of the smallest; above it, weights
TEACHER_BATCH = 64


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
    defence: Defending | None = None

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
    folder: Path | None = None,
) -> TrainContext:
    """The context of training `classifier`.

    A frozen base or a teacher runs over all photos here, once; progress: of the frozen base.
    folder: where augmented copies are kept meanwhile, if the recipe asks for some.
    Raises PasunchatError if the teacher cannot be loaded or has other classes.
    """
    weights = None if class_weights is None else torch.tensor(class_weights, device=runtime.device)
    photos = len(dataset.rows("train"))
    passes = recipe.passes(photos)
    inputs: Inputs
    if isinstance(classifier.network, BaseAndHead) and classifier.network.frozen:
        inputs = FeatureInputs(classifier, dataset, recipe, runtime, progress)
    else:
        teacher = teacher_logits(recipe, dataset, runtime)
        inputs = PixelInputs(dataset, recipe, runtime, teacher, folder)
    return TrainContext(
        dataset=dataset,
        recipe=recipe,
        runtime=runtime,
        inputs=inputs,
        loss=training_loss(recipe, weights),
        plain_loss=Loss(weights),
        photos=passes * photos,
        steps=passes * steps_of_pass(photos, recipe.batch_size),
        defence=None if recipe.defend is None else defending(recipe.defend),
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
    validation photos, a setting of the recipe that would have no effect, and a defence that cannot
    work."""
    _refuse_defence(recipe)
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


def refuse_without_bounds(classifier: Classifier, dataset: Dataset, recipe: Recipe) -> None:
    """Raise PasunchatError where a defence learns from bounds and a function that the network runs
    has none."""
    if recipe.defend is None or not defending(recipe.defend).proves:
        return
    picture = as_pixels(dataset.pixels[:1], classifier.mean.device)
    one = torch.zeros(1, dtype=torch.int64, device=picture.device)
    with torch.no_grad():
        worst_logits(classifier, picture, one.float(), one)


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


def _refuse_defence(recipe: Recipe) -> None:
    """Refuse a defence of which it is known beforehand that it comes to nothing."""
    if recipe.defend is None:
        return
    defending(recipe.defend)
    pretrained = is_pretrained(recipe.network)
    if pretrained and recipe.unfreeze == 0:
        raise PasunchatError(
            f"defend: the base of {recipe.network} is frozen, and no training of its head alone "
            "withstands attacks; take smoothed:MODEL,sigma=0.25 or masked:MODEL,area=0.02, which "
            "need no training, or train the base too with --unfreeze all"
        )
    if recipe.start is None and not pretrained:
        raise PasunchatError(
            "defend: from untrained weights a network learns nothing against attacks; train it "
            "plainly first, and begin from that run with --start"
        )
    for name, value in (
        ("augment.mixup", recipe.augment.mixup),
        ("label_smoothing", recipe.label_smoothing),
    ):
        if value:
            raise PasunchatError(
                f"{name}: a defence is trained towards the plain labels; set it to 0 "
                f"(--set {name}=0)"
            )
