"""A tiny classifier that is a run of two classes, and a photo."""

from pathlib import Path

import numpy as np
import pytest

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files, save
from pasunchat.photos.image import write_png

SIZE = 16


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    folder = tmp_path / "runs" / "tiny"
    save(build("linear", classes=("cat", "dog"), size=SIZE, decode="exact"), folder)
    return load_files(folder)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "rex.png"
    random = np.random.default_rng(0)
    write_png(path, random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8), {})
    return path
