"""Networks without a gradient where the photo lies."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import PGD
from pasunchat.attacks.oracle import DIRECTIONS, NOISE, EstimatingOracle, Oracle
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Query
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier

SIZE = 4


class Levels(nn.Module):
    """Brightness, rounded to a few levels: no gradient anywhere."""

    def forward(self, pixels: Tensor) -> Tensor:
        brightness = (pixels.mean((1, 2, 3)) * 64).round() / 64
        return torch.stack([0.5 - brightness, brightness - 0.5], 1)


class Saturated(nn.Module):
    """Flat at the photo, steep a step away."""

    def forward(self, pixels: Tensor) -> Tensor:
        brightness = pixels.mean((1, 2, 3))
        lead = torch.relu(brightness - 0.2001) - 0.1
        return torch.stack([-lead, lead], 1)


PHOTO = torch.full((1, 3, SIZE, SIZE), 51 / 255)


@pytest.mark.parametrize("network", [Levels(), Saturated()], ids=["rounded", "saturated"])
def test_an_estimate_is_used_and_counted(network: nn.Module) -> None:
    found = fool(Classifier(network), PHOTO, goal=Goal(torch.tensor([1])))
    assert found.status == (Status.REACHED,)
    assert found.forwards > found.backwards > 0


def test_the_estimate_points_where_the_margin_grows() -> None:
    """On a rounded linear margin its cosine with the true gradient is far above chance."""
    classifier, keys = Classifier(Levels()), torch.tensor([5])
    radius = torch.ones(1)
    problem = Problem(PHOTO, Goal(torch.tensor([1])), levels=None, radius=radius)
    state = PGD.start(problem, keys)
    oracle = EstimatingOracle(Oracle(classifier, PGD))
    query, wanted = Query(PHOTO[:, None]), torch.tensor([True])
    answer = oracle.answer(problem, state, query, wanted, keys)
    gradient = answer.gradient.flatten()
    assert torch.nn.functional.cosine_similarity(gradient, torch.ones(48), dim=0) > 0.3
    assert answer.has_gradient.all()
    assert answer.forwards.tolist() == [1 + len(NOISE) + 2 * DIRECTIONS]
    assert answer.backwards.tolist() == [1 + len(NOISE)]


def test_a_gradient_of_zero_is_believed_where_the_goal_is_reached() -> None:
    bright = torch.full_like(PHOTO, 0.9)
    problem = Problem(bright, Goal(torch.tensor([1])), levels=None, radius=torch.ones(1))
    state = PGD.start(problem, torch.tensor([5]))
    oracle = EstimatingOracle(Oracle(Classifier(Levels()), PGD))
    answer = oracle.answer(
        problem, state, Query(bright[:, None]), torch.tensor([True]), torch.tensor([5])
    )
    assert not answer.gradient.any() and answer.forwards.tolist() == [1]
