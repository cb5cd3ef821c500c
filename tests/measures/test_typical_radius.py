"""The radius to defend within: the middle of the distances at which attacks fool, as words ask."""

from pathlib import Path
from statistics import median

import pytest

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_model import attack_model
from pasunchat.measures.typical_radius import typical_radius, with_typical_radius
from pasunchat.parsing import number
from pasunchat.photos.dataset import Dataset
from pasunchat.training.defences import defending
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    recipe = Recipe(network="linear", epochs=5, patience=None, lr=3e-3)
    return load_files(train(dataset, recipe, tmp_path_factory.mktemp("run") / "run").folder)


def test_it_is_the_median_over_photos_read_rightly(trained: Classifier, dataset: Dataset) -> None:
    photos = attack_model(trained, dataset, split="validation", norm="linf", levels=None).photos
    wanted = median(photo.enough for photo in photos if photo.right)
    assert 0 < wanted < 1
    assert typical_radius(trained, dataset, "linf") == pytest.approx(wanted)


def test_multiples_become_numbers_that_a_recipe_understands(
    trained: Classifier, dataset: Dataset
) -> None:
    auto, twice, l2 = (
        with_typical_radius(text, trained, dataset) for text in ("auto", "linf:2x:pgd", "l2:1x")
    )
    assert auto.startswith("linf:") and auto.endswith("/255")
    once = number(auto.removeprefix("linf:"))
    assert once == pytest.approx(typical_radius(trained, dataset, "linf"), rel=0.01)
    assert defending(twice).radius == pytest.approx(2 * once, rel=0.01)
    assert twice.endswith(":pgd")
    assert defending(l2).radius == pytest.approx(typical_radius(trained, dataset, "l2"), rel=0.01)


@pytest.mark.parametrize("text", ["linf:1/255", "l2:0.5:trades:beta=2", "noise:0.25", "nonsense"])
def test_what_names_its_radius_stays_as_it_is(text: str, dataset: Dataset) -> None:
    assert with_typical_radius(text, None, dataset) == text


def test_without_a_start_there_is_nothing_to_measure(dataset: Dataset) -> None:
    with pytest.raises(PasunchatError, match="--start"):
        with_typical_radius("auto", None, dataset)


def test_a_classifier_that_nothing_fools_has_no_typical_radius(
    dataset: Dataset, tmp_path: Path
) -> None:
    constant = build("linear", classes=dataset.classes, size=16)
    for parameter in constant.parameters():
        parameter.data.zero_()
    constant.network.dense.bias.data[0] = 1  # type: ignore[union-attr, operator, index]
    with pytest.raises(PasunchatError, match="no typical distance"):
        typical_radius(constant, dataset, "linf")
