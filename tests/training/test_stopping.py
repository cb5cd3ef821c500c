import numpy as np
import pytest

from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Counters, Epoch
from pasunchat.training.stopping import ending, not_finite

MIXED, ONE = np.array([0, 1, 0]), np.array([1, 1, 1])


def at(*losses: float, waited: int = 0) -> Counters:
    history = [Epoch(k + 1, loss, loss, 0.5, loss, 0.5) for k, loss in enumerate(losses)]
    return Counters(epoch=len(losses), waited=waited, best_epoch=1, history=history)


def test_goes_on_while_it_learns() -> None:
    assert ending(Recipe(), at(0.7, 0.6), MIXED) is None


def test_patience_ends_it_as_meant() -> None:
    found = ending(Recipe(patience=2), at(0.5, 0.6, 0.7, waited=2), MIXED)
    assert found is not None and found.good
    assert "epoch 1" in found.reason
    assert ending(Recipe(patience=3), at(0.5, 0.6, 0.7, waited=2), MIXED) is None


def test_without_patience_all_epochs_are_done() -> None:
    recipe = Recipe(patience=None, epochs=3)
    assert ending(recipe, at(0.5, 0.6, waited=1), MIXED) is None
    found = ending(recipe, at(0.5, 0.6, 0.7, waited=2), MIXED)
    assert found is not None and found.good and "3 epochs" in found.reason


def test_a_loss_that_stands_still_with_one_answer_is_no_training() -> None:
    found = ending(Recipe(patience=None), at(0.6931, 0.6931), ONE)
    assert found is not None and not found.good
    assert "same answer" in found.reason and "--lr" in found.reason


@pytest.mark.parametrize(("losses", "answers"), [((0.6931, 0.6931), MIXED), ((0.7, 0.6), ONE)])
def test_either_alone_is_no_reason(losses: tuple[float, float], answers: np.ndarray) -> None:
    assert ending(Recipe(patience=None), at(*losses), answers) is None


def test_a_loss_that_is_no_number_says_what_is_kept() -> None:
    assert "of epoch 1 are kept" in not_finite(at(0.5)).reason
    assert "it started with" in not_finite(Counters()).reason
