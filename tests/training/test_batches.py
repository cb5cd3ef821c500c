import numpy as np

from pasunchat.photos.dataset import Dataset
from pasunchat.training.batches import batches, comparable_rows
from pasunchat.training.recipe import Recipe

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


def test_training_is_measured_on_as_many_photos_as_validation(dataset: Dataset) -> None:
    rows = comparable_rows(dataset, seed=0)
    assert len(rows) == len(dataset.rows("validation"))
    assert set(rows) <= set(dataset.rows("train"))
    assert np.array_equal(rows, comparable_rows(dataset, seed=0))
