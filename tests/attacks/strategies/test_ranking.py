"""The order of the other classes, where it is known: on networks that are planes."""

from dataclasses import replace
from math import log

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.search import SearchTask
from pasunchat.attacks.strategies.ranking import nearest_first
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L0, L1, L2, LINF, PIXELS, Norm

SIZE = 4
VALUES = 3 * SIZE * SIZE
GREY = torch.full((3, 3, SIZE, SIZE), 127 / 255)


class Planes(nn.Module):
    """Logits linear in the pixels: at grey, class k is behind[k] below class 0."""

    def __init__(self, weight: Tensor, behind: Tensor) -> None:
        super().__init__()
        self.weight, self.behind = nn.Parameter(weight), behind

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.contiguous().flatten(1) - GREY[0, 0, 0, 0]) @ self.weight.T - self.behind


class Counting(nn.Module):
    """Counts the pictures that are asked about."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.pictures = network, 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.pictures += len(pixels)
        return self.network(pixels)


def planes(classes: int, seed: int = 0) -> Planes:
    generator = torch.Generator().manual_seed(seed)
    steepness = torch.rand(classes, 1, generator=generator) * 4
    weight = steepness * torch.randn(classes, VALUES, generator=generator)
    behind = torch.rand(classes, generator=generator) * 2 + 0.5
    behind[0] = 0
    return Planes(weight, behind)


def task(
    network: nn.Module, norm: Norm = L2, confidence: float | None = None, rows: int = 3
) -> SearchTask:
    goal = Goal(torch.zeros(3).long(), targeted=False, confidence=confidence)
    problem = Problem(GREY, goal, norm)
    return SearchTask(Classifier(network), problem, torch.arange(3), torch.arange(rows))


@pytest.mark.parametrize("norm", [L2, LINF, L1, L0, PIXELS], ids=lambda norm: norm.name)
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_of_planes_it_is_the_lead_over_the_slope(norm: Norm, classes: int) -> None:
    network = planes(classes)
    ranking = nearest_first(task(network, norm))
    slope = (network.weight[1:] - network.weight[:1]).detach().view(-1, 3, SIZE, SIZE)
    expected = network.behind[1:] / norm.dual(slope)
    assert ranking.classes.tolist() == [(expected.argsort() + 1).tolist()] * 3
    assert torch.allclose(ranking.distances, expected.sort().values.expand(3, -1))


def test_with_a_confidence_it_is_where_the_class_would_have_it() -> None:
    network = planes(2)
    ranking = nearest_first(task(network, confidence=0.9))
    slope = (network.weight[1] - network.weight[0]).detach().norm()
    assert torch.allclose(ranking.distances, (network.behind[1] + log(9)) / slope)


def test_only_the_likeliest_are_asked_about_and_all_is_counted() -> None:
    network = Counting(planes(15))
    given = task(network)
    nearest_first(given)  # at first a classifier is tried out with some pictures more
    network.pictures = 0
    ranking = nearest_first(replace(given, rows=torch.arange(2)))
    likeliest = network.network.behind[1:].argsort()[:10] + 1
    assert ranking.classes.shape == ranking.distances.shape == (3, 10)
    assert ranking.classes[0].sort().values.tolist() == likeliest.sort().values.tolist()
    assert ranking.forwards.tolist() == [1, 1, 0] and network.pictures == 2
    assert ranking.backwards.tolist() == [10, 10, 0]
    assert ranking.had_gradient.tolist() == [True, True, False]
    assert nearest_first(task(planes(15)), most=4).classes.shape == (3, 4)


class Odd(nn.Module):
    """Class 1 is far along a plane; class 2 is farther, and has no slope that says anything."""

    def __init__(self, slope: str) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, pixels: Tensor) -> Tensor:
        brightness = pixels.mean((1, 2, 3))
        zero = brightness - brightness.detach()
        steep = zero * 1e30 * 1e30
        odd = {"none": 0 * zero, "infinite": steep, "no number": steep - steep}[self.slope]
        return torch.stack([0 * brightness, brightness - 1, odd - 3], 1)


@pytest.mark.parametrize("slope", ["none", "infinite", "no number"])
def test_what_is_not_known_does_not_look_far(slope: str) -> None:
    ranking = nearest_first(task(Odd(slope)))
    assert ranking.classes.tolist() == [[2, 1]] * 3
    assert (ranking.distances[:, 0] == 0).all()
    assert ranking.distances[:, 1].isfinite().all() and (ranking.distances[:, 1] > 0).all()


def test_where_nothing_has_a_gradient_the_likeliest_is_first() -> None:
    network = planes(4)
    with torch.no_grad():
        network.weight.zero_()
    ranking = nearest_first(task(network))
    assert ranking.classes.tolist() == [(network.behind[1:].argsort() + 1).tolist()] * 3
    assert not ranking.distances.any() and not ranking.had_gradient.any()


def test_a_targeted_goal_has_no_order() -> None:
    given = task(planes(3))
    aimed = replace(given.problem, goal=Goal(torch.ones(3).long()))
    with pytest.raises(ValueError, match="nearest_first"):
        nearest_first(replace(given, problem=aimed))


def test_each_target_begins_with_the_nearest() -> None:
    weight = torch.zeros(4, VALUES)
    weight[1], weight[2], weight[3] = 0.01, 1.0, 0.02  # class 2, the last at the photo
    classifier = Classifier(Planes(weight, torch.tensor([0.0, 0.5, 1.0, 0.6])))
    settings = {"goal": Goal(torch.zeros(3).long(), targeted=False), "norm": LINF}
    attack = EachTarget(Apgd(steps=5), most=1)
    found = fool(classifier, GREY, attack=attack, radius=10 / 255, **settings)
    assert found.status == (Status.REACHED,) * 3
    assert found.after.tolist() == [2] * 3
