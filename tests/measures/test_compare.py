"""Comparisons against figures worked out by hand, and photos paired across sizes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.errors import PasunchatError
from pasunchat.measures import speed
from pasunchat.measures.compare import Comparison, Pair, compare, holm, mcnemar
from pasunchat.measures.same_photos import datasets_for, shared_rows
from pasunchat.measures.score import evaluate
from pasunchat.measures.speed import time_classifiers
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare

CLASSES = ("cat", "dog")


class FirstPixel(nn.Module):
    """Says dog with a logit of +-1, as the red of the first pixel is above a threshold or not."""

    def __init__(self, threshold: float, sign: float = 1.0) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))
        self.sign = sign

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logit = self.sign * torch.sign(pixels[:, 0, 0, 0] - self.threshold)
        return torch.stack((torch.zeros_like(logit), logit), 1)


def by_first_pixel(threshold: float, **info: object) -> Classifier:
    known = ClassifierInfo(**{"classes": CLASSES, "size": 16, **info})
    return Classifier.with_info(FirstPixel(threshold), known)


@pytest.fixture
def eight(dataset: Dataset) -> Dataset:
    """Eight test photos, four of each class; the first red of a photo tells it apart."""
    reds = np.array([10, 20, 30, 200, 40, 210, 220, 230])  # cats are dark, but for the last
    pixels = np.zeros((8, 16, 16, 3), np.uint8)
    pixels[:, 0, 0, 0] = reds
    labels = np.array([0] * 4 + [1] * 4)
    return replace(
        dataset, pixels=pixels, labels=labels, split=np.full(8, 2, np.uint8),
        names=tuple(map(str, range(8))),
    )  # fmt: skip


@pytest.fixture
def by_hand(eight: Dataset) -> Comparison:
    """cut-100 is wrong on the cat of 200 and the dog of 40; cut-15 on the cats above 15;
    cut-35 on the cat of 200 alone."""
    cuts = {f"cut-{cut}": by_first_pixel(cut / 255) for cut in (100, 15, 35)}
    return compare(cuts, eight)


def test_each_is_scored_as_evaluate_scores_it(by_hand: Comparison, eight: Dataset) -> None:
    assert [model.name for model in by_hand.models] == ["cut-100", "cut-15", "cut-35"]
    assert [model.right for model in by_hand.models] == [6, 5, 7]
    assert (by_hand.photos, by_hand.left_out, by_hand.classes) == (8, 0, CLASSES)
    assert by_hand.best.name == "cut-35"
    alone = evaluate(by_first_pixel(100 / 255), eight)
    first = by_hand.models[0]
    for what in ("accuracy", "interval", "log_loss", "calibration_error", "classifier", "dataset"):
        assert getattr(first, what) == getattr(alone, what)
    assert first.parameters == 1 and first.trained_here is None


def test_pairs_count_the_photos_that_one_of_two_is_right_on(by_hand: Comparison) -> None:
    found = [(p.better, p.worse, p.only_better, p.only_worse) for p in by_hand.pairs]
    assert found == [
        ("cut-35", "cut-100", 1, 0),  # the dog of 40
        ("cut-35", "cut-15", 2, 0),  # the cats of 20 and 30
        ("cut-100", "cut-15", 2, 1),
    ]
    assert [pair.p for pair in by_hand.pairs] == pytest.approx([1, 0.5, 1])
    assert [pair.p_holm for pair in by_hand.pairs] == [1, 1, 1]


def test_two_models_need_no_correction(eight: Dataset) -> None:
    (pair,) = compare({"a": by_first_pixel(0.06), "b": by_first_pixel(0.14)}, eight).pairs
    assert (pair.better, pair.p, pair.p_holm) == ("b", 0.5, 0.5)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 32),
        (1, 9, 2 * (1 + 10) / 2**10),
        (9, 1, 2 * (1 + 10) / 2**10),
        (3, 12, 2 * sum(comb(15, k) for k in range(4)) / 2**15),
    ],
)
def test_mcnemar_is_twice_the_tail_of_a_fair_coin(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, rel=1e-12)


def test_mcnemar_agrees_with_edwards_where_photos_are_many() -> None:
    """The chi-squared form with Edwards's correction, (|212 - 180| - 1)^2 / 392."""
    from scipy.stats import chi2

    assert mcnemar(212, 180) == pytest.approx(chi2.sf(31**2 / 392, 1), abs=2e-3)


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # times 4, 3, 2, 1; rising
        ([0.5, 0.4, 0.9], [1.0, 1.0, 1.0]),
    ],
)
def test_holm(p_values: list[float], corrected: list[float]) -> None:
    assert holm(p_values) == pytest.approx(corrected)


def test_a_difference_is_real_by_the_corrected_p() -> None:
    assert Pair("a", "b", 9, 1, 0.02, 0.02).real
    assert not Pair("a", "b", 9, 1, 0.02, 0.06).real


def test_a_mirror_image_is_work_too(dataset: Dataset) -> None:
    models = {
        str(mirrored): build("linear", classes=CLASSES, size=16, mirrored=mirrored).eval()
        for mirrored in (False, True)
    }
    once, twice = compare(models, dataset).models
    assert (once.multiply_adds, twice.multiply_adds) == (1_536, 3_072)
    assert once.parameters == twice.parameters


def test_progress_counts_over_all_models(dataset: Dataset) -> None:
    told: list[tuple[int, int]] = []
    models = {name: build(name, classes=CLASSES, size=16) for name in ("linear", "dense")}
    photos = compare(models, dataset, "train", lambda *now: told.append(now)).photos
    assert told[-1] == (2 * photos, 2 * photos)
    assert told == sorted(told)


def test_models_may_have_their_outputs_in_any_order(eight: Dataset) -> None:
    turned = by_first_pixel(0.4, classes=("dog", "cat"))
    found = compare({"one": by_first_pixel(0.4), "turned": turned}, eight)
    assert [model.right for model in found.models] == [6, 2]


def test_what_is_not_comparable_is_refused(eight: Dataset) -> None:
    one, same = by_first_pixel(0.1), by_first_pixel(0.1)
    foxes = by_first_pixel(0.2, classes=("fox", "owl"))
    larger = by_first_pixel(0.2, size=32)
    for models, said in (
        ({"one": one}, "expected at least two models to compare, got 1"),
        ({"one": one, "same": same}, "one and same are the same model"),
        ({"one": one, "foxes": foxes}, 'foxes: the model has no class "cat"'),
        ({"one": one, "larger": larger}, "larger: the classifier was made for size 32.* DATA"),
    ):
        with pytest.raises(PasunchatError, match=said):
            compare(models, eight)
    with pytest.raises(PasunchatError, match='no photo is in the split "train"'):
        compare({"one": one, "other": by_first_pixel(0.2)}, eight, "train")


@pytest.fixture
def sizes() -> dict[str, Classifier]:
    """Three that want two sizes, and so two datasets."""
    wanted = {"small": ("linear", 8), "large": ("linear", 16), "dense": ("dense", 16)}
    return {
        name: build(network, classes=CLASSES, size=size) for name, (network, size) in wanted.items()
    }


def test_each_size_is_prepared_once_and_split_alike(
    sizes: dict[str, Classifier], photos: Path
) -> None:
    datasets = datasets_for(sizes, [photos])
    assert [dataset.size for dataset in datasets.values()] == [8, 16, 16]
    assert datasets["large"] is datasets["dense"]
    rows = shared_rows(datasets, "test")
    names = {name: [datasets[name].names[row] for row in rows[name]] for name in datasets}
    assert names["small"] == names["large"] and len(names["small"]) > 0
    assert compare(sizes, datasets).left_out == 0


def test_photos_that_are_not_in_every_dataset_are_left_out(
    sizes: dict[str, Classifier], make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_photos(tmp_path / "photos", {"cat": 20, "dog": 20})
    small = prepare(folder, tmp_path / "small", size=8)
    missing = small.names[small.rows("train")[0]]
    (folder / missing).unlink()
    large = prepare(folder, tmp_path / "large", size=16)
    found = compare(sizes, {"small": small, "large": large, "dense": large}, "train")
    assert found.left_out == 1
    assert found.photos == len(small.rows("train")) - 1
    rows = shared_rows({"small": small, "large": large}, "train")
    assert missing not in [small.names[row] for row in rows["small"]]
    assert (small.labels[rows["small"]] == large.labels[rows["large"]]).all()


def test_a_dataset_must_fit_every_model(sizes: dict[str, Classifier], dataset: Dataset) -> None:
    with pytest.raises(PasunchatError, match="small: the classifier was made for size 8"):
        datasets_for(sizes, [dataset.folder])
    del sizes["small"]
    assert datasets_for(sizes, [dataset.folder])["dense"].digest == dataset.digest


def test_it_says_whether_a_model_was_trained_on_this_dataset(dataset: Dataset) -> None:
    origins = {"here": dataset.digest, "elsewhere": "e" * 64, "unknown": None}
    models = {
        name: by_first_pixel(0.1 * place, trained_on=digest)
        for place, (name, digest) in enumerate(origins.items())
    }
    found = compare(models, dataset)
    assert [model.trained_here for model in found.models] == [True, False, None]


def test_models_take_turns_and_the_median_counts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = iter([1, 4, 2, 4, 9, 5])  # seconds: the first model 1, 2, 9; the second 4, 4, 5

    def ticks() -> Iterator[float]:
        now = 0.0
        for seconds in taken:
            yield now
            now += seconds
            yield now

    clock = ticks()
    monkeypatch.setattr(speed, "perf_counter", lambda: next(clock))
    told: list[tuple[int, int]] = []
    models = {"a": by_first_pixel(0.1), "b": by_first_pixel(0.2)}
    found = time_classifiers(models, dataset, "all", lambda *now: told.append(now))
    assert (found.photos, found.passes, found.device) == (120, 3, "cpu")
    assert found.photos_per_second == {"a": 60, "b": 30}
    assert told == [(turn, 6) for turn in range(1, 7)]
