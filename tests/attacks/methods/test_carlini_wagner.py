"""C&W: its variable, its prices, and what it finds on a plane."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.carlini_wagner import CarliniWagner, PriceState
from pasunchat.attacks.methods.tanh_pixels import WIDER, pixels_of, variable_of
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Answer
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier

GREY = torch.full((1, 3, 2, 2), 0.5)


def plane(slope: Tensor, lead: float, photo: Tensor = GREY) -> Classifier:
    """Two classes; class 0 leads by `lead` at the photo, class 1 rises by `slope` [12]."""
    layer = nn.Linear(12, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.zeros(12), slope]))
        layer.bias.copy_(torch.stack([torch.zeros(()), -lead - slope @ photo.flatten()]))
    return Classifier(nn.Sequential(nn.Flatten(), layer))


def test_every_level_has_a_finite_variable_and_comes_back() -> None:
    levels = torch.arange(256).float().div(255).view(1, 1, 16, 16).expand(1, 3, -1, -1)
    assert variable_of(levels).isfinite().all()
    assert torch.allclose(pixels_of(variable_of(levels)), levels, atol=1e-6)
    furthest = pixels_of(torch.tensor([-50.0, 50.0]))
    assert torch.allclose(furthest, torch.tensor([-WIDER, 1 + WIDER]))


@pytest.mark.parametrize("end", (0.0, 1.0))
def test_a_value_at_an_end_of_its_range_moves(end: float) -> None:
    photo = torch.full((1, 3, 2, 2), end)
    slope = torch.full((12,), 1.0 - 2 * end)
    classifier = plane(slope, 0.6, photo)
    found = fool(classifier, photo, attack=CarliniWagner(steps=200, rounds=4), levels=None)
    assert found.status == (Status.REACHED,)
    assert float(found.distance[0]) == pytest.approx(0.6 / 12**0.5, rel=0.05)


def test_finds_the_least_change_on_a_plane() -> None:
    slope = torch.linspace(-1, 2, 12)
    found = fool(plane(slope, 0.7), GREY, attack=CarliniWagner(steps=200, rounds=6), levels=None)
    assert float(found.distance[0]) == pytest.approx(0.7 / float(slope.norm()), rel=0.02)


def test_costs_at_most_its_rounds_and_steps() -> None:
    classifier = plane(torch.ones(12), 0.7)
    found = fool(classifier, GREY, attack=CarliniWagner(steps=20, rounds=3), levels=None)
    assert 3 < int(found.backwards[0]) <= 60
    assert torch.equal(found.forwards, found.backwards)


def prices(reaching: float, rounds: int, first: float) -> list[float]:
    """The price of each round, where a round reaches from the price `reaching` on."""
    attack = CarliniWagner(steps=1, rounds=rounds, initial_const=first)
    problem = Problem(GREY, Goal(torch.tensor([1])), levels=None)
    state: PriceState = attack.start(problem, torch.tensor([0]))
    found = []
    while not state.done:
        found.append(float(state.price))
        reached = state.price >= reaching
        lead = torch.where(reached, 1.0, -1.0)
        answer = Answer(None, lead[:, None], reached[:, None], lead, torch.ones_like(GREY))
        state = attack.step(problem, replace(state), answer)
    return found


def test_the_price_rises_tenfold_and_is_then_bisected() -> None:
    assert prices(0.5, 6, 0.001) == pytest.approx([0.001, 0.01, 0.1, 1.0, 0.55, 0.325])


def test_a_price_that_is_enough_at_once_is_halved() -> None:
    found = prices(0.0, 5, 1.0)
    assert all(after == pytest.approx(before / 2) for before, after in pairwise(found))


def test_is_as_near_as_adv_lib() -> None:
    attacks = pytest.importorskip("adv_lib.attacks")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
        given = torch.rand(4, 3, 2, 2)
    classifier = Classifier(layers)
    goal = Goal(classifier.judge(given).argmax(1), reach=False)
    settings = {"max_iterations": 100, "binary_search_steps": 5}
    theirs = attacks.carlini_wagner_l2(classifier, given, goal.classes, **settings)
    attack = CarliniWagner(steps=100, rounds=5)
    found = fool(classifier, given, goal=goal, attack=attack, levels=None)
    size = (theirs - given).flatten(1).norm(dim=1)
    size[classifier.judge(theirs).argmax(1) == goal.classes] = torch.inf
    assert found.distance.median() <= 1.01 * size.median()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"rounds": 0}, "rounds"),
        ({"lr": 0.0}, "lr"),
        ({"initial_const": -1.0}, "initial_const"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: expected"):
        CarliniWagner(**settings)
