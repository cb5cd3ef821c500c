"""A tiny run, as training leaves it, and what is measured of it and made with it."""

from pathlib import Path

import numpy as np
import pytest

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files, save
from pasunchat.measures.certified import certify_split
from pasunchat.measures.compare import Compared, Comparison, Pair
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.measures.robustness import attack_split
from pasunchat.measures.score import Evaluation, evaluate
from pasunchat.measures.speed import Timing
from pasunchat.photos.dataset import Counts, Dataset, DatasetFacts, count_photos
from pasunchat.photos.image import write_png
from pasunchat.reports.certified import ProvedAndShown, proved_and_shown
from pasunchat.reports.robustness import draw_robustness
from pasunchat.storage import write_json
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import (
    DataOrigin,
    Epoch,
    Run,
    RunInfo,
    add_timing,
    open_run,
    write_history,
    write_run,
)

CLASSES = ("cat", "dog")
SIZE, PHOTOS = 16, 60
HISTORY = (
    Epoch(1, 0.69, 0.66, 0.60, 0.67, 0.58),
    Epoch(2, 0.60, 0.50, 0.75, 0.61, 0.66, 0.01),
    Epoch(3, 0.40, 0.30, 0.90, 0.66, 0.65, 0.01),
    Epoch(4, 0.20, 0.10, 0.99, 0.80, 0.64, 0.02),
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(0)
    labels = np.arange(PHOTOS, dtype=np.int64) % 2
    split = (np.arange(PHOTOS) // 20).astype(np.uint8)
    facts = DatasetFacts(
        format=1,
        classes=CLASSES,
        size=SIZE,
        framing="pad",
        decode="exact",
        seed=0,
        split=(0.34, 0.33, 0.33),
        sources=("drawn",),
        counts=Counts(count_photos(labels, split, CLASSES), {"heic": 3}, 0, 0, 0),
        digest="d" * 64,
    )
    write_json(tmp_path / "data" / "dataset.json", facts)
    pixels = random.integers(0, 256, (PHOTOS, SIZE, SIZE, 3), dtype=np.uint8)
    names = tuple(f"{CLASSES[label]}/{row}.png" for row, label in enumerate(labels))
    return Dataset(tmp_path / "data", facts, pixels, labels, split, names)


@pytest.fixture
def run(tmp_path: Path, dataset: Dataset) -> Run:
    """A finished run of two classes, not yet measured."""
    folder = tmp_path / "runs" / "tiny"
    recipe = Recipe(network="linear", patience=2)
    data = DataOrigin(
        str(dataset.folder), dataset.digest, dataset.facts.sources, dataset.facts.counts.photos
    )
    facts = RunInfo(
        data, {"python": "3.11", "torch": "2.13"}, "cpu", 2, best_epoch=2, ended="it did so"
    )
    write_run(folder, recipe, facts)
    write_history(folder, HISTORY)
    save(
        build("linear", classes=CLASSES, size=SIZE, decode="exact", trained_on=dataset.digest),
        folder,
    )
    for epoch in range(1, 5):
        add_timing(folder, epoch=epoch, seconds=2.5)
    return open_run(folder)


@pytest.fixture
def classifier(run: Run) -> Classifier:
    return load_files(run.folder)


@pytest.fixture
def evaluation(classifier: Classifier, dataset: Dataset) -> Evaluation:
    return evaluate(classifier, dataset)


@pytest.fixture
def photo(tmp_path: Path, dataset: Dataset) -> Path:
    path = tmp_path / "photos" / "rex.png"
    write_png(path, dataset.pixels[1], {})
    return path


def compared(name: str, right: int, multiply_adds: int, classifier: str = "c" * 64) -> Compared:
    """A classifier that is right on so many of 100 photos."""
    accuracy = right / 100
    return Compared(
        name=name, classifier=classifier, dataset="d" * 64, trained_here=True, size=16,
        right=right, accuracy=accuracy, interval=(accuracy - 0.05, min(1.0, accuracy + 0.05)),
        parameters=1538, multiply_adds=multiply_adds, log_loss=0.4, calibration_error=0.02,
        classes_left_out=0,
    )  # fmt: skip


@pytest.fixture
def comparison(classifier: Classifier) -> Comparison:
    """The run's classifier, named tiny, beside two more."""
    return Comparison(
        split="test",
        classes=CLASSES,
        photos=100,
        left_out=0,
        models=(
            compared("tiny", 60, 1_536, classifier=classifier.digest()),
            compared("simple", 80, 57_827_840),
            compared("residual", 97, 57_827_840),
        ),
        pairs=(
            Pair("residual", "simple", 212, 40, 1e-29, 1e-29),
            Pair("residual", "tiny", 37, 0, 1e-11, 2e-11),
            Pair("simple", "tiny", 25, 15, 0.154, 0.154),
        ),
    )


@pytest.fixture
def timing() -> Timing:
    """Speeds of the three."""
    return Timing("cpu", 2, 100, 3, {"tiny": 4733.5, "simple": 686.7, "residual": 3.21})


@pytest.fixture
def attacked(classifier: Classifier, dataset: Dataset, run: Run) -> tuple[Path, Robustness]:
    """The run's classifier attacked on its test photos, and drawn: folder and result."""
    folder = run.folder / "attack" / "one"
    robust = attack_split(
        classifier, dataset, folder, attack="learned-noise:steps=12,lr=0.05", limit=8
    )
    draw_robustness(folder, robust, dataset)
    return folder, robust


@pytest.fixture
def proved(classifier: Classifier, dataset: Dataset, run: Run) -> ProvedAndShown:
    """What is proved of the run's classifier on its test photos, beside an attack on the same."""
    request = Request("pgd:steps=4", norm="linf", radius=4 / 255)
    attack_split(classifier, dataset, run.folder / "attack" / "linf", request, limit=8)
    certify_split(classifier, dataset, run.folder / "certificate" / "linf", limit=8)
    (found,) = proved_and_shown(run.folder)
    return found
