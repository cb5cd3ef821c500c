"""A tiny classifier that is a run of two classes, a photo, and what is recorded of another."""

from pathlib import Path

import numpy as np
import pytest

from pasunchat.attacks.fool import Request
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.classifiers.files import load_files, save
from pasunchat.fooled.control import Control
from pasunchat.fooled.outcome import Outcome, Transfer
from pasunchat.fooled.survival import Survival
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


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """A dog read as a cat by noise of 8 levels."""
    return Outcome(
        photo="a/rex.jpg",
        status=Status.REACHED,
        fooled=True,
        goal="cat",
        before=Prediction("dog", 0.83),
        after=Prediction("cat", 0.95),
        picture="rex.cat.png",
        l2=1.314,
        largest_change=8,
        factor=8 / 255,
        distance=1.314,
        values=15_021,
        pixels=9_950,
        gradients=120,
        queries=130,
        request=Request("learned-noise", confidence=None).info(),
        control=Control(draws=8, reached=0, unchanged=8, distance=1.3),
        survival=(
            Survival("jpeg:95", True, 0.9),
            Survival("jpeg:50", False, 0.4),
            Survival("resize:0.5", True, 0.8),
        ),
        required=("jpeg:95", "resize:0.5"),
        cost_of_surviving=1.52,
        transfer=(Transfer("tiny", Prediction("dog", 0.99), Prediction("cat", 0.61), fooled=True),),
        model="runs/tiny",
        classifier="",
        advice="",
    )
