"""FMN against its equations written plainly, and against adv-lib where that is installed."""

from math import cos, inf, pi

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.fmn import FMN, distance_to_plane, next_radius
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L0, L1, L2, LINF, NORMS, PIXELS, Norm

SIDE = 6
ORDERS = {"l2": 2, "linf": inf, "l1": 1, "l0": 0}
REACHED = torch.tensor([True, True, False, False])
NEAREST = torch.tensor([20.0, 5.0, 20.0, torch.inf])
CROSSING = torch.full((4,), 30.0)


def curved(seed: int = 0) -> Classifier:
    """Three classes behind one layer of tanh."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 8), nn.Tanh(), nn.Linear(8, 3)
        )
    layers[1].weight.data.mul_(3)
    return Classifier(layers)


def photos(count: int) -> Tensor:
    drawn = torch.Generator().manual_seed(4)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=drawn).float().div(255)


def left(classifier: Classifier, given: Tensor) -> Goal:
    return Goal(classifier.predict_logits(given).argmax(1), targeted=False)


def plainly(classifier: Classifier, photo: Tensor, label: int, steps: int) -> float:
    """Algorithm 1 of the paper in L2 for one photo: the least length that fooled."""
    change, radius, best = torch.zeros_like(photo), inf, inf
    for step in range(steps + 1):
        fall = (1 + cos(pi * step / steps)) / 2
        alpha, gamma = 0.01 + 0.99 * fall, 0.001 + 0.049 * fall
        queried = (photo + change).requires_grad_()
        logits = classifier(queried)[0]
        others = torch.cat([logits[:label], logits[label + 1 :]])
        margin = others.max() - logits[label]
        (slope,) = torch.autograd.grad(margin, queried)
        size, margin = float(change.norm()), float(margin.detach())
        if margin > 0:
            best = min(best, size)
            radius = min(radius * (1 - gamma), best)
        elif best < inf:
            radius = radius * (1 + gamma)
        else:
            grown = 0.0 if radius == inf else radius * (1 + gamma)
            radius = max(size - margin / float(slope.norm()), grown)
        change = change + alpha * slope / slope.norm()
        change = change * min(1.0, radius / float(change.norm()))
        change = (photo + change).clamp(0, 1) - photo
    return best


def test_is_the_paper_s_algorithm() -> None:
    classifier, given = curved(), photos(3)
    goal = left(classifier, given)
    found = fool(classifier, given, goal=goal, attack=FMN(steps=40), levels=None)
    expected = [
        plainly(classifier, given[row : row + 1], int(goal.classes[row]), 40) for row in range(3)
    ]
    assert found.distance.tolist() == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("norm", ORDERS)
def test_is_as_near_as_adv_lib(norm: str) -> None:
    attacks = pytest.importorskip("adv_lib.attacks")
    classifier, given = curved(), photos(8)
    goal = left(classifier, given)
    first = 10.0 if norm == "linf" else 1.0
    settings = {"norm": ORDERS[norm], "steps": 60, "α_init": first}
    theirs = attacks.fmn(classifier, given, goal.classes, **settings)
    found = fool(classifier, given, goal=goal, attack=FMN(60), norm=NORMS[norm], levels=None)
    size = NORMS[norm].measure(theirs - given)
    size[size == 0] = inf  # how adv-lib shows a failure
    assert found.distance.median() <= 1.01 * size.median()


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_is_made_small(norm: str) -> None:
    """In its own norm it is nearer than what it finds in another."""
    classifier, given = curved(), photos(6)
    goal = left(classifier, given)
    found = {
        other: fool(classifier, given, goal=goal, attack=FMN(80), norm=NORMS[other], levels=None)
        for other in (norm, "l2" if norm != "l2" else "linf")
    }
    assert set(found[norm].status) == {Status.REACHED}
    own, others = (NORMS[norm].measure(r.pixels - given).median() for r in found.values())
    assert own < others


def test_costs_its_steps_and_one_query_more() -> None:
    found = fool(curved(), photos(2), attack=FMN(steps=7), levels=None)
    assert found.backwards.tolist() == [7, 7]
    assert found.forwards.tolist() == [8, 8]


def test_a_photo_just_before_the_border_is_not_lost() -> None:
    """Where the first step of 1 is a hundred times the distance to it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2))
    given = photos(1)
    behind = layers(given)[0].detach()
    layers[1].bias.data -= behind + torch.tensor([0.0, 0.002])
    slope = (layers[1].weight[1] - layers[1].weight[0]).detach().norm()
    found = fool(Classifier(layers), given, attack=FMN(40), levels=None)
    assert found.status == (Status.REACHED,)
    assert float(found.distance[0]) == pytest.approx(0.002 / float(slope), rel=0.5)


@pytest.mark.parametrize(("name", "radius"), [("l2", 0.05), ("linf", 1 / 255), ("l0", 1.0)])
def test_a_small_radius_is_kept_and_the_photo_is_never_the_result(name: str, radius: float) -> None:
    classifier, given, norm = curved(), photos(4), NORMS[name]
    for levels in (256, None):
        found = fool(classifier, given, attack=FMN(10), norm=norm, radius=radius, levels=levels)
        assert (found.distance <= radius * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


@pytest.mark.parametrize("norm", [L2, L1, LINF], ids=lambda norm: norm.name)
def test_the_radius_shrinks_where_it_reached_and_grows_where_not(norm: Norm) -> None:
    found = next_radius(norm, torch.full((4,), 10.0), 0.1, REACHED, NEAREST, CROSSING)
    assert found.tolist() == pytest.approx([9, 5, 11, 30])


@pytest.mark.parametrize("norm", [L0, PIXELS], ids=lambda norm: norm.name)
def test_a_count_moves_by_one_at_least_and_never_below_one(norm: Norm) -> None:
    few = next_radius(norm, torch.full((4,), 1.0), 0.1, REACHED, NEAREST, CROSSING)
    assert few.tolist() == [1, 1, 2, 2]
    many = next_radius(norm, torch.full((4,), 55.0), 0.1, REACHED, NEAREST, CROSSING)
    assert many.tolist() == [20, 5, 60, 60]


def test_a_plane_is_crossed_where_its_slope_says() -> None:
    gradient = torch.zeros(2, 3, 2, 2)
    gradient[0, 0, 0, 0], gradient[0, 1, 1, 1] = 3, 4
    found = distance_to_plane(L2, torch.tensor([1.0, 0.0]), torch.tensor([-10.0, 0.0]), gradient)
    assert found[0] == 3
    assert found[1] == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"alpha_init": 0.0}, "alpha_init"),
        ({"alpha_final": -1.0}, "alpha_final"),
        ({"gamma_init": 1.0}, "gamma_init"),
        ({"gamma_final": 0.0}, "gamma_final"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: expected"):
        FMN(**settings)
