"""The strong recipe goes on byte for byte too, and its parts do what they say."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pasunchat.classifiers.files import load_files
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.training.loop import Interrupted, train
from pasunchat.training.recipe import RECIPES, STRONG, Augment

QUICK = replace(
    STRONG,
    network="simple:batch_norm=true,dropout=0.2",
    epochs=3,
    batch_size=16,
    warmup=4,
    sides=(16, 24),
    augment=replace(STRONG.augment, mixup=0.2),
)
FILES = ("weights.safetensors", "history.jsonl", "classifier.json")


def test_asked_to_stop_it_goes_on_byte_for_byte(dataset: Dataset, tmp_path: Path) -> None:
    recipe = replace(QUICK, network="tiny", sides=(16, 32))
    whole = train(dataset, recipe, tmp_path / "whole")
    asked = iter(range(1000))
    with pytest.raises(Interrupted):
        train(dataset, recipe, tmp_path / "run", should_stop=lambda: next(asked) == 6)
    train(dataset, recipe, tmp_path / "run")
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_dropout_repeats_and_leaves_the_global_state_alone(
    dataset: Dataset, tmp_path: Path
) -> None:
    recipe = replace(QUICK, sides=(), epochs=1)
    before = torch.random.get_rng_state()
    one, same = (train(dataset, recipe, tmp_path / name) for name in ("a", "b"))
    assert torch.equal(before, torch.random.get_rng_state())
    assert one.history == same.history


def test_the_mean_of_the_weights_is_what_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPES["talk"], epochs=2, patience=None, batch_size=16)
    plain = train(dataset, recipe, tmp_path / "plain")
    mean = train(dataset, replace(recipe, ema=0.9), tmp_path / "mean")
    assert [row.loss for row in plain.history] == [row.loss for row in mean.history]
    assert plain.history[0].validation_loss != mean.history[0].validation_loss


def test_a_mirrored_classifier_cannot_tell_left_from_right(
    dataset: Dataset, tmp_path: Path
) -> None:
    run = train(dataset, replace(QUICK, sides=(), epochs=1), tmp_path / "run")
    classifier = load_files(run.folder)
    images = dataset.pixels[:5]
    assert classifier.info.mirrored
    found = classifier.logits(images), classifier.logits(images[:, :, ::-1])
    assert torch.allclose(*found, atol=1e-5)


def test_a_teacher_is_listened_to(dataset: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPES["talk"], epochs=1, batch_size=16)
    teacher = train(dataset, replace(recipe, epochs=4), tmp_path / "teacher")
    alone = train(dataset, recipe, tmp_path / "alone")
    taught = train(dataset, replace(recipe, teacher=str(teacher.folder)), tmp_path / "taught")
    assert taught.history[0].loss != alone.history[0].loss


def test_a_teacher_of_other_classes_is_refused(
    dataset: Dataset, tmp_path: Path, make_photos
) -> None:
    from pasunchat.photos.prepare import prepare

    photos = make_photos(tmp_path / "foxes", {"fox": 8, "owl": 8})
    others = prepare(photos, tmp_path / "others", size=16)
    recipe = replace(RECIPES["talk"], epochs=1)
    teacher = train(others, recipe, tmp_path / "teacher")
    with pytest.raises(PasunchatError, match="fox, owl"):
        train(dataset, replace(recipe, teacher=str(teacher.folder)), tmp_path / "run")


def test_the_named_recipes_are_data(dataset: Dataset) -> None:
    assert RECIPES["talk"].augment == Augment()
    assert RECIPES["strong"].ema is not None
