"""PDPGD on planes whose nearest points are known."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.pdpgd import Pdpgd
from pasunchat.attacks.norms import L0, L1, L2, LINF, Norm
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.parsing import with_settings
from pasunchat.runtime import generator

SIZE = 8


@pytest.fixture
def linear() -> Classifier:
    """Two classes; photos around the middle lie so near the border that the box is far."""
    found = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        found.network.dense.bias.copy_(torch.tensor([0.03, -0.03]))
    return found


def photos(count: int) -> Tensor:
    levels = torch.randint(100, 156, (count, 3, SIZE, SIZE), generator=generator("photos"))
    return levels.float().div(255)


def slope_and_lead(linear: Classifier, photo: Tensor) -> tuple[Tensor, Tensor]:
    """Of the runner-up over the class read, at one photo."""
    asked = photo[None].clone().requires_grad_()
    logits = linear(asked)[0].sort().values
    (slope,) = torch.autograd.grad(logits[0] - logits[1], asked)
    return slope[0], (logits[0] - logits[1]).detach()


@pytest.mark.parametrize("norm, near", [(L1, 1.25), (L2, 1.2), (LINF, 1.25)])
def test_comes_near_the_nearest_point_of_a_plane(
    linear: Classifier, norm: Norm, near: float
) -> None:
    given = photos(4)
    found = fool(linear, given, attack=Pdpgd(steps=300), norm=norm, levels=None)
    for row in range(4):
        slope, lead = slope_and_lead(linear, given[row])
        least = -lead / norm.dual(slope[None])
        assert found.status[row] == "reached"
        assert least * 0.999 <= found.distance[row] <= near * least


def test_for_few_values_changes_fewer_than_for_a_small_sum(linear: Classifier) -> None:
    given = photos(4)
    few, small = (fool(linear, given, attack=Pdpgd(), norm=norm, levels=None) for norm in (L0, L1))
    change = few.pixels - given
    assert torch.equal(few.distance, L0.measure(change))
    assert (L0.measure(change) <= L0.measure(small.pixels - given)).all()


@pytest.mark.parametrize("setting", [{"steps": "0"}, {"lr": "0"}, {"smoothing": "1"}])
def test_refuses_settings_that_make_no_sense(setting: dict[str, str]) -> None:
    with pytest.raises(PasunchatError, match=next(iter(setting))):
        with_settings(Pdpgd(), setting, "attack pdpgd")
