from itertools import pairwise

import msgspec
import pytest

from pasunchat.errors import PasunchatError
from pasunchat.parsing import with_nested_settings
from pasunchat.training.recipe import RECIPES, Augment, Recipe, usual_recipe


def test_the_defaults_are_the_talk_s() -> None:
    recipe = Recipe()
    assert (recipe.network, recipe.batch_size, recipe.lr) == ("simple", 32, 1e-3)
    assert recipe.patience == 1


def test_goes_through_json() -> None:
    recipe = Recipe(network="dense:units=3", patience=None, lr=0.5)
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"lr": 0.0}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(PasunchatError, match=name):
        Recipe(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"crop": 0.0}, {"crop": 1.5}, {"flip": 2.0}, {"mixup": -1.0}, {"grey": -0.1}]
)
def test_an_augmentation_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(PasunchatError, match=name):
        Augment(**wrong)


def test_words_reach_every_kind_of_field() -> None:
    words = {
        "unfreeze": "all",
        "resolutions": "64,96",
        "patience": "none",
        "augment.flip": "0.5",
        "betas": "0.8,0.9",
        "mirrored": "true",
    }
    found = with_nested_settings(Recipe(), words, "the recipe")
    assert (found.unfreeze, found.resolutions, found.patience) == ("all", (64, 96), None)
    assert (found.augment.flip, found.betas, found.mirrored) == (0.5, (0.8, 0.9), True)
    assert with_nested_settings(Recipe(), {"unfreeze": "2"}, "the recipe").unfreeze == 2
    with pytest.raises(PasunchatError, match=r"augment.*glow"):
        with_nested_settings(Recipe(), {"augment.glow": "1"}, "the recipe")


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_goes_through_json(name: str) -> None:
    recipe = RECIPES[name]
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


def test_each_network_has_its_usual_recipe() -> None:
    assert usual_recipe("simple") == usual_recipe("dense:units=3") == "talk"
    assert usual_recipe("tiny:plan=plain") == "strong"
    assert usual_recipe("efficientnet-lite0") == "head"


def test_the_talk_s_learning_rate_never_changes() -> None:
    assert {Recipe().lr_at(step, 100) for step in range(100)} == {1e-3}


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine() -> None:
    recipe = Recipe(lr=2.0, warmup=10, final_lr=0.01)
    rates = [recipe.lr_at(step, 1001) for step in range(1001)]
    assert rates[0] == pytest.approx(2 * 0.1)
    assert max(rates) == pytest.approx(2, abs=2e-3)
    assert rates[500] == pytest.approx(2 * (1 + 0.01) / 2)
    assert rates[-1] == pytest.approx(2 * 0.01)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_each_resolution_has_an_equal_part_of_the_epochs() -> None:
    recipe = Recipe(epochs=6, resolutions=(64, 96, 128))
    assert [recipe.resolution_at(epoch) for epoch in range(6)] == [64, 64, 96, 96, 128, 128]
    assert Recipe().resolution_at(0) is None
