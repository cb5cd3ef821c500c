"""DDN against its equations written plainly, and against adv-lib where that is installed."""

from math import cos, pi

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.ddn import DDN
from pasunchat.attacks.problem import Goal
from pasunchat.classifiers.classifier import Classifier

SIDE = 6


def curved(seed: int = 0, scale: float = 1.0) -> Classifier:
    """Three classes behind one layer of tanh."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 8), nn.Tanh(), nn.Linear(8, 3)
        )
    layers[1].weight.data.mul_(3)
    layers[3].weight.data.mul_(scale)
    layers[3].bias.data.mul_(scale)
    return Classifier(layers)


def photos(count: int) -> Tensor:
    drawn = torch.Generator().manual_seed(4)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=drawn).float().div(255)


def left(classifier: Classifier, given: Tensor) -> Goal:
    return Goal(classifier.predict_logits(given).argmax(1), targeted=False)


def plainly(classifier: Classifier, photo: Tensor, label: int, steps: int) -> float:
    """Algorithm 1 of the paper with cross-entropy, for one photo: the least length that fooled."""
    change, length, best = torch.zeros_like(photo), 1.0, torch.inf
    room = float(torch.maximum(photo, 1 - photo).norm())
    for step in range(steps + 1):
        queried = (photo + change).requires_grad_()
        logits = classifier(queried)
        (slope,) = torch.autograd.grad(-logits.log_softmax(1)[0, label], queried)
        fooled = int(logits.argmax()) != label
        best = min(best, float(change.norm())) if fooled else best
        alpha = 0.01 + 0.99 * (1 + cos(pi * step / steps)) / 2
        change = change + alpha * slope / slope.norm()
        length = min(length * (0.95 if fooled else 1.05), room)
        change = (photo + change * length / change.norm()).clamp(0, 1) - photo
    return best


def test_is_the_paper_s_algorithm() -> None:
    classifier, given = curved(), photos(3)
    goal = left(classifier, given)
    found = fool(
        classifier, given, goal=goal, attack=DDN(steps=40, loss_function="ce"), levels=None
    )
    expected = [
        plainly(classifier, given[row : row + 1], int(goal.classes[row]), 40) for row in range(3)
    ]
    assert found.distance.tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("levels", (None, 256))
def test_is_as_near_as_adv_lib(levels: int | None) -> None:
    attacks = pytest.importorskip("adv_lib.attacks")
    classifier, given = curved(), photos(8)
    goal = left(classifier, given)
    theirs = attacks.ddn(classifier, given, goal.classes, steps=60, levels=levels)
    found = fool(classifier, given, goal=goal, attack=DDN(60, loss_function="ce"), levels=levels)
    size = (theirs - given).flatten(1).norm(dim=1)
    size[size == 0] = torch.inf  # how adv-lib shows a failure
    assert found.distance.median() <= 1.01 * size.median()


def test_costs_its_steps_and_one_query_more() -> None:
    classifier, given = curved(), photos(2)
    found = fool(classifier, given, attack=DDN(steps=7), levels=None)
    assert found.backwards.tolist() == [7, 7]
    assert found.forwards.tolist() == [8, 8]


def test_the_margin_serves_where_cross_entropy_is_saturated() -> None:
    given, near = photos(4), curved()
    far = curved(scale=1e5)
    goal = left(near, given)
    margin, same = (fool(c, given, goal=goal, attack=DDN(60), levels=None) for c in (far, near))
    assert torch.allclose(margin.distance, same.distance, rtol=1e-2)
    saturated = fool(far, given, goal=goal, attack=DDN(60, loss_function="ce"), levels=None)
    assert (saturated.distance >= same.distance * 0.999).all()


def test_more_steps_are_never_much_farther() -> None:
    classifier, given = curved(), photos(6)
    few, many = (fool(classifier, given, attack=DDN(n), levels=None) for n in (20, 150))
    assert many.distance.median() <= few.distance.median()


def test_a_small_radius_is_kept_and_the_photo_is_never_the_result() -> None:
    classifier, given = curved(), photos(4)
    for levels in (256, None):
        found = fool(classifier, given, attack=DDN(steps=10), radius=0.05, levels=levels)
        assert (found.distance <= 0.05 * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"gamma": 1.0}, "gamma"),
        ({"init_norm": 0.0}, "init_norm"),
        ({"alpha_init": -1.0}, "alpha_init"),
        ({"alpha_final": float("nan")}, "alpha_final"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: expected"):
        DDN(**settings)
