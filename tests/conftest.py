"""What several test folders need: tiny data, tiny classifiers, no cache outside the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

settings.register_profile("repeat", derandomize=True)
settings.load_profile("repeat")  # the same examples each time: a run says something of the code
torch.set_num_threads(1)  # tiny pictures: threads would only wait for each other
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a network
os.environ["KERAS_BACKEND"] = "torch"  # it is read once, by the first import in a process


class _Never(ImportError):
    """What no import raises."""


EXTRAS = bool(os.environ.get("PASUNCHAT_EXTRAS"))
if EXTRAS:
    # Every extra, every peer and Chromium are there (make test-extras): what is missing fails.
    pytest.importorskip = partial(pytest.importorskip, exc_type=_Never)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        (pytest.fail if EXTRAS else pytest.skip)(
            "no Chromium on this machine (apt-get install chromium)"
        )
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def _own_home_and_one_core(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("pasunchat.runtime.cores", lambda: 1)


def write_photos(folder: Path, counts: dict[str, int], *, size: int = 16, seed: int = 0) -> Path:
    """Noisy pictures, one subfolder a class; each class is bright in another place."""
    rng = np.random.default_rng(seed)
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = rng.integers(0, 120, (size, size, 3), dtype=np.uint8)
            at = label * size // len(counts)
            pixels[at : at + size // len(counts)] += 100
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def make_photos() -> Callable[..., Path]:
    """`write_photos`, for tests that want counts or sizes of their own."""
    return write_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 cats and 60 dogs of 16 x 16 pixels, easy to tell apart."""
    return write_photos(tmp_path_factory.mktemp("photos"), {"cat": 60, "dog": 60})


@pytest.fixture(scope="session")
def dataset(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """They, prepared at their own size."""
    return prepare([photos], tmp_path_factory.mktemp("dataset") / "data", size=16)
