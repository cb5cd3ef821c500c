"""The default network on few photos: steps enough to learn what they show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import set_up_runtime
from pasunchat.training.loop import train
from pasunchat.training.recipe import HEAD, steps_of_pass

DIGITS = 250


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Written digits, 8 x 8 in black on white, shown at 48 x 48."""
    folder = tmp_path_factory.mktemp("digits")
    images, labels = load_digits(return_X_y=True)
    for number in np.random.default_rng(0).permutation(len(labels))[:DIGITS]:
        place = folder / "photos" / str(labels[number])
        place.mkdir(parents=True, exist_ok=True)
        grey = (255 - images[number].reshape(8, 8) * 255 / 16).astype(np.uint8)
        Image.fromarray(grey).save(place / f"{number}.png")
    return prepare(folder / "photos", folder / "data", size=48)


def test_few_photos_get_as_many_steps_as_the_head_needs(digits: Dataset, tmp_path: Path) -> None:
    steps = steps_of_pass(len(digits.rows("train")), HEAD.batch_size)
    assert steps < 10, "few photos"
    once, enough = (
        min(
            row.validation_loss
            for row in train(
                digits,
                replace(HEAD, steps_per_epoch=least),
                tmp_path / str(least),
                runtime=set_up_runtime("cpu"),
            ).history
        )
        for least in (1, HEAD.steps_per_epoch)
    )
    assert enough < 0.8 * once
