"""What the tests of explain/ look at."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.load import load


@pytest.fixture(scope="session")
def picture() -> Callable[..., NDArray[np.uint8]]:
    """A drawn picture, uint8 [side, side, 3]: smooth, with noise on it."""

    def draw(side: int, seed: int = 0) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:side, :side] / side
        waves = [np.sin(6 * (a * x + b * y) + c) for a, b, c in rng.uniform(0, 2, (3, 3))]
        levels = 110 + 60 * np.stack(waves, -1) + rng.normal(0, 15, (side, side, 3))
        return levels.clip(0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def simple() -> Classifier:
    """The shipped `simple`: it looks twice, at a photo and at its mirror image."""
    return load("shipped:simple")
