"""DeepFool: straight to the nearest plane."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.deepfool import DeepFool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import LINF, NORMS

GREY = torch.full((1, 3, 2, 2), 0.5)


def planes(slopes: list[float], behind: list[float]) -> Classifier:
    """Class k rises by slopes[k] along pixel value k; at grey it is behind[k] below class 0."""
    layer = nn.Linear(12, len(slopes))
    with torch.no_grad():
        layer.weight.zero_()
        for k, slope in enumerate(slopes):
            layer.weight[k, k] = slope
        layer.bias.copy_(-layer.weight.sum(1) * 0.5 - torch.tensor(behind))
    return Classifier(nn.Sequential(nn.Flatten(), layer))


def leave(row: int = 0) -> Goal:
    return Goal(torch.tensor([row]), targeted=False)


def test_takes_the_nearest_class_not_the_likeliest() -> None:
    classifier = planes([0, 1, 4], [0.0, 0.2, 0.4])
    found = fool(classifier, GREY, goal=leave(), attack=DeepFool(), levels=None)
    assert found.after.tolist() == [2]
    assert float(found.distance[0]) == pytest.approx(1.02 * 0.1, rel=1e-4)
    assert found.forwards.tolist() == [2]


def test_considers_as_many_classes_as_set() -> None:
    classifier = planes([0, 1, 4], [0.0, 0.2, 0.4])
    found = fool(classifier, GREY, goal=leave(), attack=DeepFool(nearby=1), levels=None)
    assert found.after.tolist() == [1]


def test_in_linf_every_value_moves_alike() -> None:
    layer = nn.Linear(12, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.zeros(12), torch.arange(1.0, 13)]))
        layer.bias.copy_(torch.tensor([0.0, -39 - 7.8]))
    classifier = Classifier(nn.Sequential(nn.Flatten(), layer))
    found = fool(classifier, GREY, goal=leave(), attack=DeepFool(), norm=LINF, levels=None)
    assert float(found.distance[0]) == pytest.approx(1.02 * 0.1, rel=1e-4)
    assert torch.allclose(found.pixels - GREY, torch.tensor(0.102), atol=1e-5)


def test_stops_at_the_first_query_that_reaches_and_gives_up_after_its_steps() -> None:
    near, far = planes([0, 1], [0.0, 0.2]), planes([0, 1], [0.0, 0.9])
    assert fool(near, GREY, attack=DeepFool(steps=5), levels=None).backwards.tolist() == [2]
    lost = fool(far, GREY, attack=DeepFool(steps=5), levels=None)
    assert lost.status == (Status.NOT_REACHED,)
    assert lost.backwards.tolist() == [5]


def test_a_class_that_is_to_be_reached_is_reached() -> None:
    classifier = planes([0, 1, 4], [0.0, 0.2, 0.4])
    found = fool(classifier, GREY, goal=Goal(torch.tensor([1])), attack=DeepFool(), levels=None)
    assert found.after.tolist() == [1]


@pytest.mark.parametrize("norm", ("l2", "linf"))
def test_is_as_near_as_adv_lib(norm: str) -> None:
    attacks = pytest.importorskip("adv_lib.attacks")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
        given: Tensor = torch.rand(8, 3, 2, 2)
    classifier = Classifier(layers)
    goal = Goal(classifier.predict_logits(given).argmax(1), targeted=False)
    order = 2 if norm == "l2" else torch.inf
    theirs = attacks.df(classifier, given, goal.classes, steps=50, norm=order)
    found = fool(classifier, given, goal=goal, attack=DeepFool(), norm=NORMS[norm], levels=None)
    size = NORMS[norm].measure(theirs - given)
    size[classifier.predict_logits(theirs).argmax(1) == goal.classes] = torch.inf
    ours = torch.where(
        torch.tensor([s == "reached" for s in found.status]), found.distance, torch.inf
    )
    assert ours.median() <= 1.01 * size.median()


@pytest.mark.parametrize(("norm", "radius"), [("l2", 0.05), ("linf", 2 / 255)])
def test_a_small_radius_is_kept_and_the_photo_is_never_the_result(norm: str, radius: float) -> None:
    classifier, photo = planes([0, 1], [0.0, 0.9]), GREY.mul(255).round().div(255)
    for levels in (256, None):
        found = fool(
            classifier, photo, attack=DeepFool(), norm=NORMS[norm], radius=radius, levels=levels
        )
        assert 0 < float(found.distance[0]) <= radius * (1 + 1e-5)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"steps": 0}, "steps"), ({"nearby": 0}, "nearby"), ({"overshoot": -0.1}, "overshoot")],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: expected"):
        DeepFool(**settings)
