"""Results as pandas' data frames, and the line where pandas is missing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pasunchat.attacks.fool import fool
from pasunchat.attacks.result import AttackResult
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_model import ModelRobustness, attack_model
from pasunchat.measures.compare import Comparison, compare
from pasunchat.measures.predict import FilePrediction, predict
from pasunchat.measures.score import Evaluation, evaluate
from pasunchat.photos.dataset import Dataset


@pytest.fixture(scope="module")
def classifier(dataset: Dataset) -> Classifier:
    return build("linear", classes=dataset.classes, size=16, seed=3)


@pytest.fixture(scope="module")
def result(classifier: Classifier, dataset: Dataset) -> AttackResult:
    return fool(classifier, dataset.pixels[:3], effort="quick")


@pytest.fixture(scope="module")
def robustness(classifier: Classifier, dataset: Dataset) -> ModelRobustness:
    return attack_model(classifier, dataset, "0.5", limit=6, effort="quick")


@pytest.fixture(scope="module")
def evaluation(classifier: Classifier, dataset: Dataset) -> Evaluation:
    return evaluate(classifier, dataset)


@pytest.fixture(scope="module")
def comparison(classifier: Classifier, dataset: Dataset) -> Comparison:
    other = build("linear", classes=dataset.classes, size=16, seed=4)
    return compare({"one": classifier, "two": other}, dataset)


@pytest.fixture(scope="module")
def prediction(classifier: Classifier, photos: Path) -> FilePrediction:
    return predict(classifier, photos / "cat" / "0.png")[0]


def test_a_result_has_a_row_a_photo(result: AttackResult) -> None:
    pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert frame.status.tolist() == [str(status) for status in result.status]
    assert frame.before.tolist() == [result.class_name(index) for index in result.before]
    assert frame.after.tolist() == [result.class_name(index) for index in result.after]
    assert torch.allclose(torch.tensor(frame.distance), result.distance.double())
    sure = result.after_logits.double().softmax(1).amax(1)
    assert torch.allclose(torch.tensor(frame.confidence), sure)


def test_robustness_has_a_row_a_photo_and_its_curve_a_row_a_radius(
    robustness: ModelRobustness,
) -> None:
    pytest.importorskip("pandas")
    frame, curve = robustness.to_pandas(), robustness.robustness.to_pandas()
    assert frame.real.tolist() == [photo.real for photo in robustness.photos]
    assert frame.distance.tolist() == [photo.distance for photo in robustness.photos]
    assert curve.accuracy.tolist() == [at.accuracy for at in robustness.robustness.curve]


def test_an_evaluation_has_a_row_a_class_and_a_comparison_a_row_a_model(
    evaluation: Evaluation, comparison: Comparison
) -> None:
    pytest.importorskip("pandas")
    assert evaluation.to_pandas().set_index("name").photos.to_dict() == {
        row.name: row.photos for row in evaluation.classes
    }
    assert comparison.to_pandas().name.tolist() == ["one", "two"]


def test_a_prediction_has_a_row_a_class(prediction: FilePrediction) -> None:
    pytest.importorskip("pandas")
    frame = prediction.to_pandas()
    assert dict(zip(frame.label, frame.probability, strict=True)) == prediction.probabilities
    assert frame.probability.is_monotonic_decreasing


def test_without_pandas_one_line_says_how_to_get_it(
    result: AttackResult,
    robustness: ModelRobustness,
    evaluation: Evaluation,
    comparison: Comparison,
    prediction: FilePrediction,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    whole: tuple[Any, ...] = (
        result, robustness, robustness.robustness, evaluation, comparison, prediction
    )  # fmt: skip
    for each in whole:
        to_pandas: Callable[[], object] = each.to_pandas
        with pytest.raises(PasunchatError, match=r'pip install "pasunchat\[pandas\]"') as caught:
            to_pandas()
        assert "\n" not in str(caught.value)
        assert len(repr(each).splitlines()) <= 4 and len(repr(each)) < 400
        html = each._repr_html_() if hasattr(each, "_repr_html_") else "<table"
        assert "<table" in html or "<img" in html
