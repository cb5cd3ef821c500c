import msgspec
import pytest

from pasunchat.errors import PasunchatError
from pasunchat.training.recipe import Recipe


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
