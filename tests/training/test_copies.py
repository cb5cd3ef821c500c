"""Augmented copies: shown again in turn, the same whether they are kept or made anew."""

from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.copies import Copies
from pasunchat.training.inputs import PixelInputs
from pasunchat.training.recipe import STRONG, Recipe

RECIPE = replace(STRONG, copies=2, batch_size=8)
ROWS = np.array([0, 3, 5])


def shown(dataset: Dataset, recipe: Recipe, epoch: int, folder: Path | None = None) -> Tensor:
    rows = dataset.rows("train")[:4]
    return PixelInputs(dataset, recipe, Runtime(), folder=folder).batch(rows, epoch, 0)[0]


def test_a_copy_is_made_once_and_shown_in_its_turn(tmp_path: Path) -> None:
    made: list[int] = []

    def make(copy: int) -> Tensor:
        made.append(copy)
        return torch.full((3, 3, 4, 4), copy / 10)

    copies = Copies(2, 9, 6, 4, tmp_path)
    found = [copies.pixels(turn, ROWS, make, "cpu") for turn in range(5)]
    assert made == [0, 1]
    assert [round(pixels.mean().item(), 1) for pixels in found] == [0.0, 0.1, 0.0, 0.1, 0.0]
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_photos_of_which_one_is_missing_are_made(tmp_path: Path) -> None:
    made: list[int] = []

    def make(copy: int) -> Tensor:
        made.append(copy)
        return torch.zeros(3, 3, 4, 4)

    copies = Copies(1, 9, 6, 4, tmp_path)
    copies.pixels(0, ROWS, make, "cpu")
    copies.pixels(0, np.array([0, 3, 4]), make, "cpu")
    assert made == [0, 0]


def test_without_room_on_the_disk_the_pixels_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(copy: int) -> Tensor:
        return torch.linspace(0, 1, 144).view(3, 3, 4, 4) * (copy + 1) / 2

    kept = [Copies(2, 9, 6, 4, tmp_path).pixels(turn, ROWS, make, "cpu") for turn in range(2)]
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(free=0))
    full = Copies(2, 9, 6, 4, tmp_path)
    assert len(full.made) == 0
    for turn, pixels in enumerate(kept):
        assert torch.equal(full.pixels(turn, ROWS, make, "cpu"), pixels)


def test_what_is_not_shown_again_is_not_kept(tmp_path: Path) -> None:
    assert [len(Copies(4, turns, 6, 4, tmp_path).made) for turns in (3, 4, 6, 12)] == [0, 0, 2, 4]


def test_an_epoch_shows_the_same_whatever_was_shown_before(dataset: Dataset) -> None:
    """As after a kill, when the copies are gone."""
    rows = dataset.rows("train")[:4]
    inputs = PixelInputs(dataset, RECIPE, Runtime())
    going_on = [inputs.batch(rows, epoch, 0)[0] for epoch in range(4)]
    assert torch.equal(going_on[3], shown(dataset, RECIPE, 3))


def test_a_copy_comes_back_mirrored_by_chance_alone(dataset: Dataset) -> None:
    first, again = shown(dataset, RECIPE, 0), shown(dataset, RECIPE, 2)
    other = shown(dataset, RECIPE, 1)
    same = [torch.equal(a, b) for a, b in zip(first, again, strict=True)]
    turned = [torch.equal(a, b.flip(2)) for a, b in zip(first, again, strict=True)]
    assert all(a or b for a, b in zip(same, turned, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_photos_that_may_not_be_mirrored_are_not(dataset: Dataset) -> None:
    recipe = replace(RECIPE, augment=replace(RECIPE.augment, flip=0.0))
    assert torch.equal(shown(dataset, recipe, 0), shown(dataset, recipe, 2))


def test_copies_follow_the_size_of_the_pictures(dataset: Dataset) -> None:
    recipe = replace(RECIPE, epochs=2, resolutions=(16, 32))
    inputs = PixelInputs(dataset, recipe, Runtime())
    rows = dataset.rows("train")[:4]
    assert [inputs.batch(rows, epoch, 0)[0].shape[-1] for epoch in (0, 1)] == [16, 32]
