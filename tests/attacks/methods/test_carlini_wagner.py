"""C&W: its variable, its constant, and what it finds on a plane."""

from itertools import pairwise
from math import inf

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.carlini_wagner import (
    OVERHANG,
    CarliniWagner,
    CarliniWagnerState,
    first_const,
    from_tanh_space,
    next_const,
    to_tanh_space,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Answer
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier

GREY = torch.full((1, 3, 2, 2), 0.5)


def plane(slope: Tensor, ahead: float, photo: Tensor = GREY) -> Classifier:
    """Two classes; class 0 is `ahead` of the other at the photo, class 1 rises by `slope` [12]."""
    layer = nn.Linear(12, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.zeros(12), slope]))
        layer.bias.copy_(torch.stack([torch.zeros(()), -ahead - slope @ photo.flatten()]))
    return Classifier(nn.Sequential(nn.Flatten(), layer))


def test_every_level_has_a_finite_variable_and_comes_back() -> None:
    levels = torch.arange(256).float().div(255).view(1, 1, 16, 16).expand(1, 3, -1, -1)
    assert to_tanh_space(levels).isfinite().all()
    assert torch.allclose(from_tanh_space(to_tanh_space(levels)), levels, atol=1e-6)
    furthest = from_tanh_space(torch.tensor([-50.0, 50.0]))
    assert torch.allclose(furthest, torch.tensor([-OVERHANG, 1 + OVERHANG]))


@pytest.mark.parametrize("end", (0.0, 1.0))
def test_a_value_at_an_end_of_its_range_moves(end: float) -> None:
    photo = torch.full((1, 3, 2, 2), end)
    slope = torch.full((12,), 1.0 - 2 * end)
    classifier = plane(slope, 0.6, photo)
    found = fool(classifier, photo, attack=CarliniWagner(round_steps=200, rounds=4), levels=None)
    assert found.status == (Status.REACHED,)
    assert float(found.distance[0]) == pytest.approx(0.6 / 12**0.5, rel=0.05)


def test_finds_the_least_change_on_a_plane() -> None:
    slope = torch.linspace(-1, 2, 12)
    found = fool(
        plane(slope, 0.7), GREY, attack=CarliniWagner(round_steps=200, rounds=6), levels=None
    )
    assert float(found.distance[0]) == pytest.approx(0.7 / float(slope.norm()), rel=0.02)


def test_costs_at_most_its_rounds_and_steps() -> None:
    classifier = plane(torch.ones(12), 0.7)
    found = fool(classifier, GREY, attack=CarliniWagner(round_steps=20, rounds=3), levels=None)
    assert 3 < int(found.backwards[0]) <= 60
    assert torch.equal(found.forwards, found.backwards)


def constants(reaching: float, rounds: int, first: float) -> list[float]:
    """The constant of each round, where a round reaches from the constant `reaching` on."""
    attack = CarliniWagner(round_steps=1, rounds=rounds, initial_const=first)
    problem = Problem(GREY, Goal(torch.tensor([1])), levels=None)
    state: CarliniWagnerState = attack.start(problem, torch.tensor([0]))
    found, yes, one = [], torch.tensor([True]), torch.tensor([1])
    for step in range(attack.steps):
        found.append(float(state.const))
        reached = state.const >= reaching
        margin = torch.where(reached, 1.0, -1.0)
        answer = Answer(
            logits=None,
            margin=margin[:, None],
            reached=reached[:, None],
            loss=margin,
            gradient=torch.ones_like(GREY),
            view_gradients=None,
            has_gradient=yes,
            forwards=one,
            backwards=one,
        )
        state = attack.step(problem, state, answer, step)
    assert state.done.all()
    return found


def test_the_constant_rises_tenfold_and_is_then_bisected() -> None:
    assert constants(0.5, 6, 0.001) == pytest.approx([0.001, 0.01, 0.1, 1.0, 0.55, 0.325])


def test_a_constant_that_is_enough_at_once_is_halved() -> None:
    found = constants(0.0, 5, 1.0)
    assert all(after == pytest.approx(before / 2) for before, after in pairwise(found))


def test_the_first_constant_is_twice_what_a_plane_needs() -> None:
    """Along a plane the least change is -m / |g|; |x|^2 - c m(x) is least at c g / 2."""
    gradient = torch.zeros(3, 3, 2, 2)
    gradient[0, 0, 0, 0], gradient[0, 1, 1, 1] = 3, 4
    gradient[2] = 1e-30
    const = first_const(torch.tensor([-5.0, -5.0, -5.0]), gradient)
    assert const[0] / 2 * 5 / 2 == 5 / 5  # c/2 * |g| / 2, the change at half the constant
    assert const[1:].tolist() == [1, 1]


def test_it_grows_tenfold_until_one_is_enough_and_is_then_halved_in() -> None:
    const = torch.tensor([2.0, 2.0, 2.0, 2.0])
    too_low, enough = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([inf, inf, 9.0, 9.0])
    over = torch.tensor([True, True, True, False])
    reached = torch.tensor([False, True, False, True])
    const, too_low, enough = next_const(const, too_low, enough, over, reached)
    assert const.tolist() == [20, 1, 5.5, 2]
    assert too_low.tolist() == [2, 0, 2, 1]
    assert enough.tolist() == [inf, 2, 9, 9]


def test_a_small_radius_is_kept_and_the_photo_is_never_the_result() -> None:
    attack = CarliniWagner(round_steps=20, rounds=3)
    for levels in (256, None):
        photo = GREY.mul(255).round().div(255)
        found = fool(plane(torch.ones(12), 0.7), photo, attack=attack, radius=0.05, levels=levels)
        assert 0 < float(found.distance[0]) <= 0.05 * (1 + 1e-5)


def test_is_as_near_as_adv_lib() -> None:
    attacks = pytest.importorskip("adv_lib.attacks")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
        given = torch.rand(4, 3, 2, 2)
    classifier = Classifier(layers)
    goal = Goal(classifier.predict_logits(given).argmax(1), targeted=False)
    settings = {"max_iterations": 100, "binary_search_steps": 5}
    theirs = attacks.carlini_wagner_l2(classifier, given, goal.classes, **settings)
    attack = CarliniWagner(round_steps=100, rounds=5)
    found = fool(classifier, given, goal=goal, attack=attack, levels=None)
    size = (theirs - given).flatten(1).norm(dim=1)
    size[classifier.predict_logits(theirs).argmax(1) == goal.classes] = torch.inf
    assert found.distance.median() <= 1.01 * size.median()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"round_steps": 0}, "round_steps"),
        ({"rounds": 0}, "rounds"),
        ({"lr": 0.0}, "lr"),
        ({"initial_const": -1.0}, "initial_const"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: expected"):
        CarliniWagner(**settings)
