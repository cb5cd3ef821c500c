"""Scores against figures worked out by hand, on the first photos of the small dataset."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.errors import PasunchatError
from pasunchat.measures.score import SHOWN, Evaluation, check_fit, evaluate, score
from pasunchat.photos.dataset import Dataset

CATS, DOGS = [0, 1, 2], [60, 61]  # the dataset holds 60 cats, then 60 dogs
CAT_CHANCES = (0.9, 0.6, 0.3, 0.2, 0.95)  # right, right, wrong; right, wrong


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("linear", classes=("cat", "dog"), size=16)


def scored(classifier: Classifier, dataset: Dataset, rows: list[int], cat: object) -> Evaluation:
    """The evaluation of rows whose probabilities of "cat" are given."""
    chances = np.array(cat, float)
    return score(classifier, dataset, "all", np.array(rows), np.stack([chances, 1 - chances], 1))


@pytest.fixture
def by_hand(classifier: Classifier, dataset: Dataset) -> Evaluation:
    return scored(classifier, dataset, CATS + DOGS, CAT_CHANCES)


def test_it_is_one_line_and_a_table(by_hand: Evaluation) -> None:
    said = f"{by_hand.right} of {by_hand.photos} photos of {by_hand.split} right ["
    assert said in repr(by_hand) and len(repr(by_hand).splitlines()) == 1
    html = by_hand._repr_html_()
    assert html.count("<tr>") == 1 + len(by_hand.classes) and said in html


def test_only_a_dataset_is_evaluated(classifier: Classifier) -> None:
    with pytest.raises(PasunchatError, match=r"expected a Dataset, got tuple; .* attack_model"):
        evaluate(classifier, (1, 2))  # type: ignore[arg-type]


def test_counts_and_accuracy(by_hand: Evaluation, classifier: Classifier, dataset: Dataset) -> None:
    assert (by_hand.photos, by_hand.right, by_hand.accuracy) == (5, 3, 0.6)
    assert by_hand.floor == 0.6
    assert by_hand.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert by_hand.log_loss == pytest.approx(-sum(map(log, (0.9, 0.6, 0.3, 0.8, 0.05))) / 5)
    assert by_hand.classifier == classifier.digest() and by_hand.dataset == dataset.digest


def test_rows_of_the_confusion_are_real_classes(by_hand: Evaluation) -> None:
    assert by_hand.class_names == ("cat", "dog")
    assert by_hand.confusion == ((2, 1), (1, 1))


def test_rows_are_real_and_columns_predicted(classifier: Classifier, dataset: Dataset) -> None:
    everything_is_a_dog = scored(classifier, dataset, CATS + DOGS, [0.1] * 5)
    assert everything_is_a_dog.confusion == ((0, 3), (0, 2))
    cat, dog = everything_is_a_dog.classes
    assert (cat.precision, cat.recall, cat.f1, cat.photos) == (0, 0, 0, 3)
    assert (dog.precision, dog.recall, dog.photos) == (0.4, 1, 2)
    assert dog.f1 == pytest.approx(2 * 0.4 / 1.4)


def test_classes_one_by_one(by_hand: Evaluation) -> None:
    cat, dog = by_hand.classes
    assert (cat.precision, cat.recall, cat.f1) == pytest.approx((2 / 3,) * 3)
    assert (dog.precision, dog.recall, dog.f1) == (0.5, 0.5, 0.5)


def test_calibration(by_hand: Evaluation) -> None:
    found = [(b.low, b.high, b.photos, b.confidence, b.accuracy) for b in by_hand.bins]
    assert found == [
        pytest.approx((0.6, 0.7, 1, 0.6, 1)),
        pytest.approx((0.7, 0.8, 1, 0.7, 0)),
        pytest.approx((0.8, 0.9, 1, 0.8, 1)),
        pytest.approx((0.9, 1.0, 2, 0.925, 0.5)),
    ]
    assert by_hand.calibration_error == pytest.approx((0.4 + 0.7 + 0.2 + 2 * 0.425) / 5)
    assert by_hand.confidence_when_right == pytest.approx((0.9 + 0.6 + 0.8) / 3)
    assert by_hand.confidence_when_wrong == pytest.approx((0.7 + 0.95) / 2)


def test_full_confidence_is_in_the_last_bin(classifier: Classifier, dataset: Dataset) -> None:
    (last,) = scored(classifier, dataset, [0, 60], [1.0, 0.0]).bins
    assert (last.low, last.high, last.photos, last.accuracy) == (0.9, 1.0, 2, 1)


def test_best_and_worst_go_by_the_confidence_in_the_real_class(by_hand: Evaluation) -> None:
    assert [photo.row for photo in by_hand.worst] == [61, 2, 1, 60, 0]
    assert [photo.row for photo in by_hand.best] == [0, 60, 1, 2, 61]
    worst = by_hand.worst[0]
    assert (worst.real, worst.prediction) == ("dog", Prediction("cat", 0.95))
    assert worst.real_confidence == pytest.approx(0.05)


def test_at_most_eight_are_shown(classifier: Classifier, dataset: Dataset) -> None:
    found = scored(classifier, dataset, list(range(20)), np.linspace(0.1, 0.9, 20))
    assert [photo.row for photo in found.worst] == list(range(SHOWN))
    assert [photo.row for photo in found.best] == list(range(19, 19 - SHOWN, -1))
    assert found.worst[0].name == dataset.names[0]


def test_nothing_wrong_or_nothing_right_is_none(classifier: Classifier, dataset: Dataset) -> None:
    perfect = scored(classifier, dataset, [0, 60], [0.8, 0.1])
    assert perfect.confidence_when_wrong is None and perfect.accuracy == 1
    assert perfect.interval[1] == pytest.approx(1)
    hopeless = scored(classifier, dataset, [0, 60], [0.2, 0.9])
    assert hopeless.confidence_when_right is None and hopeless.accuracy == 0
    assert hopeless.interval[0] == pytest.approx(0)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(total=st.integers(1, 120), data=st.data())
def test_the_interval_is_wilson_s(
    classifier: Classifier, dataset: Dataset, total: int, data: st.DataObject
) -> None:
    right = data.draw(st.integers(0, total))
    rows = np.arange(total)
    is_cat = dataset.labels[rows] == 0
    chances = np.where(is_cat == (rows < right), 0.9, 0.1)
    found = scored(classifier, dataset, rows.tolist(), chances)
    z, share = 1.959963984540054, right / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    spread = z * sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    assert found.right == right
    assert found.interval == pytest.approx((centre - spread, centre + spread), abs=1e-9)
    assert sum(map(sum, found.confusion)) == found.photos == total
    assert sum(b.photos for b in found.bins) == total


def test_evaluate_judges_the_photos_of_the_split(classifier: Classifier, dataset: Dataset) -> None:
    told: list[tuple[int, int]] = []
    found = evaluate(classifier, dataset, "train", lambda done, total: told.append((done, total)))
    rows = dataset.rows("train")
    one_by_one = [classifier.probabilities(dataset.pixels[row][None])[0].argmax() for row in rows]
    assert found.right == int((np.array(one_by_one) == dataset.labels[rows]).sum())
    assert found.photos == len(rows) and told[-1] == (len(rows), len(rows))


@pytest.mark.parametrize(
    ("made_for", "named"),
    [
        ({"classes": ("cat", "fox")}, 'no class "dog"'),
        ({"size": 32}, "size 32, but .* has 16"),
        ({"framing": "crop"}, "framing crop, but .* has pad"),
    ],
)
def test_what_does_not_fit_is_refused(
    dataset: Dataset, made_for: dict[str, object], named: str
) -> None:
    other = build("linear", **{"classes": ("cat", "dog"), "size": 16, **made_for})
    with pytest.raises(PasunchatError, match=named):
        evaluate(other, dataset)


def test_outputs_in_another_order_are_scored_the_same(
    by_hand: Evaluation, classifier: Classifier, dataset: Dataset
) -> None:
    turned = build("linear", classes=("dog", "cat"), size=16)
    chances = np.array(CAT_CHANCES)
    probabilities = np.stack([1 - chances, chances], 1)
    found = score(turned, dataset, "all", np.array(CATS + DOGS), probabilities)
    assert replace(found, classifier=classifier.digest()) == by_hand


def test_a_photo_read_as_a_class_without_photos_is_wrong(dataset: Dataset) -> None:
    more = build("linear", classes=("fox", "dog", "cat"), size=16)
    rows = np.array([0, 1, 60, 61])  # two cats, two dogs
    chances = np.array([[0.1, 0.1, 0.8], [0.6, 0.1, 0.3], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7]])
    found = score(more, dataset, "all", rows, chances)
    assert (found.right, found.left_out) == (2, 1)
    assert found.confusion == ((1, 0, 1), (1, 1, 0))
    assert found.predicted_names == ("cat", "dog", "another class")
    assert found.log_loss == pytest.approx(-sum(map(log, (0.8, 0.3, 0.7, 0.2))) / 4)
    assert found.balanced_accuracy == 0.5
    assert found.worst[0].prediction.label == "cat"
    assert [photo.prediction.label for photo in found.worst if photo.row == 1] == ["fox"]


def test_a_classifier_for_any_size_fits(classifier: Classifier, dataset: Dataset) -> None:
    network = classifier.network
    check_fit(Classifier(network, classes=("cat", "dog"), size=None, framing="pad"), dataset)


def test_an_empty_or_unknown_split_is_refused(classifier: Classifier, dataset: Dataset) -> None:
    without_test = replace(dataset, split=np.zeros_like(dataset.split))
    with pytest.raises(PasunchatError, match='no photo in its split "test"'):
        evaluate(classifier, without_test)
    with pytest.raises(PasunchatError, match='unknown split "half"'):
        evaluate(classifier, dataset, "half")
