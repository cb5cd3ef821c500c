"""A trained classifier to begin defended trainings from."""

from pathlib import Path

import pytest

from pasunchat.photos.dataset import Dataset
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe

PLAIN = Recipe(epochs=8, patience=None, batch_size=8)


@pytest.fixture(scope="session")
def plain(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `simple` on the small photos."""
    return train(dataset, PLAIN, tmp_path_factory.mktemp("plain") / "run").folder
