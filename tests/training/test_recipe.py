import msgspec
import pytest

from pasunchat.errors import PasunchatError
from pasunchat.parsing import with_nested_settings
from pasunchat.training.recipe import RECIPES, Recipe, usual_recipe


def test_the_defaults_are_the_talk_s() -> None:
    recipe = Recipe()
    assert (recipe.network, recipe.batch_size, recipe.lr) == ("simple", 32, 1e-3)
    assert recipe.patience == 1


def test_goes_through_json() -> None:
    recipe = Recipe(network="dense:units=3", patience=None, lr=0.5)
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"lr": 0.0}])
def test_what_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(PasunchatError, match=name):
        Recipe(**wrong)


def test_words_reach_every_kind_of_field() -> None:
    words = {
        "unfreeze": "all",
        "sides": "64,96",
        "patience": "none",
        "augment.flip": "0.5",
        "betas": "0.8,0.9",
        "mirrored": "true",
    }
    found = with_nested_settings(Recipe(), words, "the recipe")
    assert (found.unfreeze, found.sides, found.patience) == ("all", (64, 96), None)
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
