"""Which photos a batch holds, what it is trained towards, and what is measured after an epoch."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import as_pixels
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.inputs import PixelInputs, batches, training_sample
from pasunchat.training.recipe import RECIPES, STRONG, Augment, Recipe, steps_of_pass

RECIPE = Recipe(batch_size=8)


def test_an_epoch_visits_every_training_photo_once(dataset: Dataset) -> None:
    parts = list(batches(dataset, RECIPE, epoch=0))
    assert [len(part) for part in parts[:-1]] == [8] * (len(parts) - 1)
    assert np.array_equal(np.sort(np.concatenate(parts)), dataset.rows("train"))


def test_order_depends_on_seed_and_epoch_alone(dataset: Dataset) -> None:
    first = list(batches(dataset, RECIPE, 0))
    assert all(map(np.array_equal, first, batches(dataset, RECIPE, 0)))
    assert not all(map(np.array_equal, first, batches(dataset, RECIPE, 1)))
    assert not all(map(np.array_equal, first, batches(dataset, Recipe(batch_size=8, seed=1), 0)))


def test_an_epoch_goes_on_where_it_stopped(dataset: Dataset) -> None:
    whole = list(batches(dataset, RECIPE, 3))
    rest = list(batches(dataset, RECIPE, 3, first_step=2))
    assert len(rest) == len(whole) - 2
    assert all(map(np.array_equal, rest, whole[2:]))


def test_an_epoch_of_few_photos_goes_through_them_several_times(dataset: Dataset) -> None:
    recipe, rows = replace(RECIPE, steps_per_epoch=20), dataset.rows("train")
    parts, steps = list(batches(dataset, recipe, epoch=1)), steps_of_pass(len(rows), 8)
    passes = recipe.passes(len(rows))
    assert passes == -(-20 // steps) > 1 and len(parts) == passes * steps
    turns = [np.concatenate(parts[k * steps : (k + 1) * steps]) for k in range(passes)]
    for one, other in pairwise(turns):
        assert not np.array_equal(one, other)
        assert np.array_equal(np.sort(one), rows) and np.array_equal(np.sort(other), rows)
    rest = list(batches(dataset, recipe, 1, first_step=steps + 1))
    assert len(rest) == len(parts) - steps - 1
    assert all(map(np.array_equal, rest, parts[steps + 1 :]))


def test_a_photo_left_over_joins_the_batch_before(dataset: Dataset) -> None:
    photos = len(dataset.rows("train"))
    size = next(size for size in range(2, photos) if photos % size == 1)
    parts = list(batches(dataset, Recipe(batch_size=size), epoch=0))
    assert [len(part) for part in parts] == [*[size] * (photos // size - 1), size + 1]
    assert len(parts) == steps_of_pass(photos, size)


def test_each_pass_has_its_own_augmentation(dataset: Dataset) -> None:
    recipe, rows = (
        replace(RECIPE, steps_per_epoch=20, augment=STRONG.augment),
        dataset.rows("train"),
    )
    inputs, steps = PixelInputs(dataset, recipe, Runtime()), steps_of_pass(len(rows), 8)
    first, again, second = (inputs.batch(rows[:6], epoch=0, step=step)[0] for step in (0, 1, steps))
    assert torch.equal(first, again)
    assert ((first - second).abs().amax((1, 2, 3)) > 0.01).all()


def test_training_is_measured_on_as_many_photos_as_validation(dataset: Dataset) -> None:
    rows = training_sample(dataset, seed=0)
    assert len(rows) == len(dataset.rows("validation"))
    assert set(rows) <= set(dataset.rows("train"))
    assert np.array_equal(rows, training_sample(dataset, seed=0))


def test_the_talk_s_recipe_takes_the_photos_as_they_are(dataset: Dataset) -> None:
    rows = dataset.rows("train")[3:9]
    pixels, targets = PixelInputs(dataset, RECIPES["talk"], Runtime()).batch(rows, epoch=1, step=2)
    assert torch.equal(pixels, as_pixels(dataset.pixels[rows]))
    assert torch.equal(targets.labels, torch.from_numpy(dataset.labels[rows]))
    assert targets.teacher_logits is None


def test_the_strong_recipe_changes_every_photo_in_every_epoch(dataset: Dataset) -> None:
    rows = dataset.rows("train")[3:9]
    inputs = PixelInputs(dataset, RECIPES["strong"], Runtime())
    plain = as_pixels(dataset.pixels[rows])
    first, second = (inputs.batch(rows, epoch, step=0)[0] for epoch in (0, 1))
    for one, other in ((plain, first), (plain, second), (first, second)):
        assert one.shape == other.shape
        assert ((one - other).abs().amax((1, 2, 3)) > 0.01).all()


def test_pictures_have_the_resolution_of_their_epoch(dataset: Dataset) -> None:
    inputs = PixelInputs(dataset, Recipe(epochs=4, resolutions=(8, 24)), Runtime())
    rows = dataset.rows("train")[:3]
    sizes = [inputs.batch(rows, epoch, step=0)[0].shape[-1] for epoch in range(4)]
    assert sizes == [8, 8, 24, 24]


def test_mixup_blends_pixels_labels_and_teacher_alike(dataset: Dataset) -> None:
    training = dataset.rows("train")
    rows = np.concatenate([training[:3], training[-3:]])  # cats, then dogs
    teacher = torch.randn(len(training), 2, generator=torch.Generator().manual_seed(0))
    recipe = Recipe(augment=Augment(mixup=1.0))
    pixels, targets = PixelInputs(dataset, recipe, Runtime(), teacher).batch(rows, 0, 0)
    plain = as_pixels(dataset.pixels[rows])
    one_hot = functional.one_hot(torch.from_numpy(dataset.labels[rows]), 2).float()
    share = targets.labels[0, 0]
    assert 0.5 <= share < 1
    logits = torch.cat([teacher[:3], teacher[-3:]])
    assert targets.teacher_logits is not None
    for found, values in (
        (pixels, plain),
        (targets.labels, one_hot),
        (targets.teacher_logits, logits),
    ):
        assert torch.allclose(found, share * values + (1 - share) * values.flip(0), atol=1e-6)


def measured(dataset: Dataset, precision: str) -> tuple[Tensor, Tensor]:
    """The logits that are measured on the validation photos, and the classifier's own in fp32."""
    classifier = build("residual:width=8", classes=dataset.classes, size=dataset.size)
    inputs = PixelInputs(dataset, STRONG, Runtime("cpu", precision))
    rows = dataset.rows("validation")
    return inputs.logits(classifier, rows), classifier.logits(dataset.pixels, rows)


def test_in_fp32_the_classifier_s_own_logits_are_measured(dataset: Dataset) -> None:
    found, own = measured(dataset, "fp32")
    assert torch.equal(found, own)


def test_in_bf16_they_are_near_those_and_floats_again(dataset: Dataset) -> None:
    found, own = measured(dataset, "bf16")
    assert found.dtype == torch.float32 and not torch.equal(found, own)
    assert torch.allclose(found, own, rtol=0.05, atol=0.05 * float(own.abs().max()))


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_validation_photos_are_measured_without_augmentation(dataset: Dataset, flip: float) -> None:
    classifier = build("linear", classes=dataset.classes, size=dataset.size)
    recipe = replace(RECIPE, augment=Augment(flip=flip))
    rows = dataset.rows("validation")
    found = PixelInputs(dataset, recipe, Runtime()).logits(classifier, rows)
    assert torch.equal(found, classifier.logits(dataset.pixels, rows))
