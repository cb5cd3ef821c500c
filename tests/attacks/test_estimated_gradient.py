"""Networks without a gradient where the photo lies."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
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
def test_another_way_is_tried_and_counted(network: nn.Module) -> None:
    found = fool(Classifier(network), PHOTO, goal=Goal(torch.tensor([1])))
    assert found.status == (Status.REACHED,)
    assert found.forwards > found.backwards > 0


def test_the_way_is_the_same_in_company() -> None:
    classifier, goal = Classifier(Levels()), torch.tensor([1])
    alone = fool(classifier, PHOTO, goal=Goal(goal))
    other = torch.full_like(PHOTO, 64 / 255)
    both = fool(classifier, torch.cat([other, PHOTO]), goal=Goal(goal.expand(2)))
    assert torch.equal(alone.pixels[0], both.pixels[1])
    assert alone.forwards[0] == both.forwards[1]
