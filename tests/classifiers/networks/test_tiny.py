"""tiny stays within the talk's 30,178 parameters, whatever its plan."""

import pytest
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks.tiny import PLANS
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError

CLASSES = ("cat", "dog")


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_is_within_the_budget_and_takes_any_side(plan: str) -> None:
    classifier = build(f"tiny:plan={plan}", classes=CLASSES, size=112)
    assert describe(classifier).trainable <= 30_178
    for side in (16, 64, 113):
        assert classifier(torch.rand(2, 3, side, side)).shape == (2, 2)


def test_layer_by_layer_as_measured() -> None:
    described = describe(build("tiny", classes=CLASSES, size=112))
    found: dict[str, int] = {}
    for layer in filter(lambda layer: layer.parameters, described.layers):
        part = layer.name.split(".")[1]
        found[part] = found.get(part, 0) + layer.parameters
    assert list(found.values()) == [464, 752, 1440, 1984, 2928, 2928, 4528, 7440, 7440, 162]
    assert described.parameters == 30_066
    assert 10e6 < 2 * described.multiply_adds < 11e6


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(PasunchatError, match=r'plan: expected one of separable, .*got "wide"'):
        build("tiny:plan=wide", classes=CLASSES, size=32)
    with pytest.raises(PasunchatError, match="size 16 or more, got 15"):
        build("tiny", classes=CLASSES, size=15)
