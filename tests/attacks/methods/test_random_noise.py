"""Random noise: the control."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.random_noise import RandomNoise
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L1, L2, LINF, NORMS, Norm

GREY = torch.full((1, 3, 4, 4), 100 / 255)
GOAL = Goal(torch.ones(1).long())


class Brighter(nn.Module):
    """Class 1 where the first value is brighter than grey."""

    def forward(self, pixels: Tensor) -> Tensor:
        brighter = pixels[:, 0, 0, 0] - 100.4 / 255
        return torch.stack([-brighter, brighter], 1)


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_finds_what_every_second_noise_does(norm: Norm) -> None:
    radius = {"linf": 8 / 255, "l2": 0.5, "l1": 3.0}[norm.name]
    found = fool(
        Classifier(Brighter()), GREY, goal=GOAL, attack=RandomNoise(), norm=norm, radius=radius
    )
    assert found.status == (Status.REACHED,)
    assert found.distance <= radius * (1 + 1e-5)
    assert found.forwards < 100 and found.backwards == 0


def test_does_not_find_what_no_noise_does() -> None:
    never = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)))
    with torch.no_grad():
        never.network[1].weight.zero_()
        never.network[1].bias.copy_(torch.tensor([1.0, 0.0]))
    found = fool(never, GREY, goal=GOAL, attack=RandomNoise(draws=10), norm=LINF, radius=0.1)
    assert Status.REACHED not in found.status
    assert 0 < float(found.distance[0]) <= 0.1 * (1 + 1e-5)
    assert found.forwards == 12  # in fours


def test_serves_every_norm() -> None:
    assert set(RandomNoise.info.norms) == set(NORMS)


def test_no_draw_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="draws"):
        RandomNoise(draws=0)
