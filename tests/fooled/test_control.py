"""Random noise of a given size: its size, its place on the grid, its seed, and its counts."""

from math import sqrt

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.problem import Goal, Problem
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.control import random_control, with_random_noise
from pasunchat.norms import L2
from pasunchat.runtime import generator

SIZE, LEVEL = 32, 1 / 255


def photo(seed: int = 0) -> Tensor:
    """Pixels [3, SIZE, SIZE] on the grid, a third of them black and a third white."""
    levels = torch.randint(-255, 511, (3, SIZE, SIZE), generator=generator(seed)).clamp(0, 255)
    return levels / 255


def problem() -> Problem:
    return Problem(photo()[None], Goal(torch.tensor([0])))


@pytest.fixture
def classifier() -> Classifier:
    """Whatever is shown, a cat."""
    found = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        found.network.dense.weight.zero_()
        found.network.dense.bias.copy_(torch.tensor([1.0, 0.0]))
    return found


@pytest.mark.parametrize("distance", [0.3, 1.0, 3.0, 8.0])
def test_the_noise_has_the_distance_asked_for(distance: float) -> None:
    task = problem()
    found = with_random_noise(task, distance, 0, 0)
    assert L2.measure(found - task.pixels).item() == pytest.approx(distance, rel=0.01)


@pytest.mark.parametrize("distance", [0.3 * LEVEL, LEVEL, 1.5 * LEVEL, 4 * LEVEL, 10.2 * LEVEL])
def test_tiny_noise_has_the_next_distance_on_the_grid(distance: float) -> None:
    task = problem()
    found = L2.measure(with_random_noise(task, distance, 0, 0) - task.pixels).item()
    assert distance * 0.999 <= found <= sqrt(distance**2 + 3 * LEVEL**2)


def test_the_noise_is_on_the_grid_and_in_range() -> None:
    levels = with_random_noise(problem(), 2.0, 0, 0) * 255
    assert (levels - levels.round()).abs().max() < 1e-3
    assert levels.min() >= 0 and levels.max() <= 255


def test_each_seed_and_draw_has_its_own_noise() -> None:
    task, before = problem(), torch.random.get_rng_state()
    one, same, next_draw, next_seed = (
        with_random_noise(task, 1.0, seed, draw) for seed, draw in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, next_draw) and not torch.equal(one, next_seed)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal(torch.tensor([1])), 0),
        (Goal(torch.tensor([0]), targeted=False), 0),
        (Goal(torch.tensor([0])), 5),
    ],
)
def test_counts_where_the_answer_never_changes(
    classifier: Classifier, goal: Goal, reached: int
) -> None:
    found = random_control(classifier, photo(), goal, 1.0, draws=5, seed=0)
    assert (found.draws, found.reached, found.unchanged) == (5, reached, 5)
    assert found.distance == pytest.approx(1.0, rel=0.01)


def test_counts_where_it_does_change() -> None:
    """A classifier of which brightness decides, on a photo that lies on its border."""
    classifier = build("linear", classes=("dark", "light"), size=SIZE)
    grey = torch.full((3, SIZE, SIZE), 128 / 255)
    with torch.no_grad():
        classifier.network.dense.weight.copy_(torch.tensor([[0.0], [1.0]]).expand(2, grey.numel()))
        classifier.network.dense.bias.copy_(torch.tensor([(grey - 0.5).sum() - 1e-3, 0.0]))
    goal = Goal(torch.tensor([0]))
    found = random_control(classifier, grey, goal, 2.0, draws=12, seed=0)
    assert 0 < found.reached < 12
    assert found.reached + found.unchanged == 12
    assert found == random_control(classifier, grey, goal, 2.0, draws=12, seed=0)
