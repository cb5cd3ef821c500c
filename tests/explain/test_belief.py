"""How often a classifier is right when it is so sure, as counted."""

from dataclasses import replace
from pathlib import Path

import pytest

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import load
from pasunchat.classifiers.shipped import SHIPPED, shipped_folder
from pasunchat.errors import PasunchatError
from pasunchat.explain import ConfidenceBin, belief, calibration_of
from pasunchat.explain.belief import CALIBRATION, EVALUATION
from pasunchat.measures.score import Evaluation, evaluate
from pasunchat.photos.dataset import Dataset
from pasunchat.storage import write_json

BINS = (ConfidenceBin(0.5, 0.6, 10, 6), ConfidenceBin(0.9, 1.0, 100, 97))


@pytest.mark.parametrize(("confidence", "photos"), [(0.5, 10), (0.59, 10), (0.9, 100), (1.0, 100)])
def test_finds_the_bin(confidence: float, photos: int) -> None:
    found = belief(confidence, BINS)
    assert found is not None and found.photos == photos
    assert found.low <= confidence <= found.high
    low, high = found.interval
    assert 0 < low < found.right / found.photos < high < 1


@pytest.mark.parametrize("confidence", [0.4, 0.6, 0.75])
def test_says_nothing_of_what_was_never_counted(confidence: float) -> None:
    assert belief(confidence, BINS) is None
    assert belief(confidence, ()) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_ones_carry_theirs_and_the_card_says_the_same(name: str) -> None:
    found = calibration_of(load(f"shipped:{name}"))
    assert found is not None and found.split == "test"
    assert sum(each.photos for each in found.bins) == found.photos
    assert sum(each.right for each in found.bins) == found.right
    assert (shipped_folder(name) / CALIBRATION).stat().st_size <= 1024
    card = (shipped_folder(name) / "README.md").read_text(encoding="utf-8")
    low, high = found.interval
    in_words = f"{100 * found.right / found.photos:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    assert f"**Accuracy** on the {found.photos:,} test photos: {in_words}" in card


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path) -> Classifier:
    """A classifier in its folder."""
    save(build("linear", classes=dataset.classes, size=16, seed=3), tmp_path / "run")
    return load(tmp_path / "run")


def evaluated(run: Classifier, dataset: Dataset, split: str = "test") -> Evaluation:
    assert run.origin is not None
    found = evaluate(run, dataset, split)
    write_json(run.origin / EVALUATION, found)
    return found


def test_a_run_s_is_that_of_its_evaluation(run: Classifier, dataset: Dataset) -> None:
    assert calibration_of(run) is None
    evaluation = evaluated(run, dataset)
    found = calibration_of(run)
    assert found is not None
    assert (found.photos, found.right) == (evaluation.photos, evaluation.right)
    assert found.interval == pytest.approx(evaluation.interval)
    assert [each.right / each.photos for each in found.bins] == pytest.approx(
        [each.accuracy for each in evaluation.bins]
    )


@pytest.mark.parametrize("split", ["train", "all"])
def test_photos_that_it_was_trained_on_do_not_count(
    run: Classifier, dataset: Dataset, split: str
) -> None:
    evaluated(run, dataset, split)
    assert calibration_of(run) is None


def test_another_classifier_s_does_not_count(run: Classifier, dataset: Dataset) -> None:
    assert run.origin is not None
    other = replace(evaluated(run, dataset), classifier="0" * 64)
    write_json(run.origin / EVALUATION, other)
    assert calibration_of(run) is None


def test_a_damaged_file_is_named(run: Classifier, dataset: Dataset) -> None:
    evaluated(run, dataset)
    assert run.origin is not None
    (run.origin / EVALUATION).write_text('{"classifier": 3}')
    with pytest.raises(PasunchatError, match=r"evaluation\.json is damaged"):
        calibration_of(run)
