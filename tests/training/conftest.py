"""A trained classifier to begin from, and photos on which a defended training must learn else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe

PLAIN = Recipe(epochs=8, patience=None, batch_size=8)
WEAK, STRONG, LIES = 4, 90, 0.15  # levels of 255; share of photos whose strong sign is wrong


@pytest.fixture(scope="session")
def plain(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `simple` on the small photos."""
    return train(dataset, PLAIN, tmp_path_factory.mktemp("plain") / "run").folder


@pytest.fixture(scope="session")
def two_signs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Photos with a weak sign in every value, always true, and a strong one in a corner, true in
    85 % (Tsipras et al. 2019, arXiv:1805.12152): whoever reads the weak one is right and fragile,
    whoever withstands 8 levels must read the strong one."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("signs")
    pattern = np.sign(rng.normal(size=(16, 16, 3)))
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir()
        for index in range(150):
            pixels = rng.normal(128, 25, (16, 16, 3)) + (2 * label - 1) * WEAK * pattern
            told = label if rng.random() > LIES else 1 - label
            pixels[:4, :4] = 128 + (2 * told - 1) * STRONG
            image = pixels.clip(0, 255).astype(np.uint8)
            Image.fromarray(image).save(folder / name / f"{index}.png")
    return prepare([folder], tmp_path_factory.mktemp("two-signs") / "data", size=16)
