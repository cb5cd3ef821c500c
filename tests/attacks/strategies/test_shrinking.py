"""A radius that shrinks, against the least change that is known."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import FGSM, GradientSteps
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.attacks.strategies.shrinking import Shrinking
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, Norm

SIZE = 6


class Leads(nn.Module):
    """A lead of class 0, linear in the pixels."""

    def __init__(self, lead: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3 * SIZE * SIZE, generator=generator))
        self.lead = lead

    def forward(self, pixels: Tensor) -> Tensor:
        lead = self.lead - (pixels.contiguous().flatten(1) - 0.5) @ self.weight
        return torch.stack([lead, -lead], 1)


def photos() -> Tensor:
    drawn = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return drawn.mul(20).add(118).round().div(255)


def least(classifier: Classifier, norm: Norm) -> Tensor:
    """The least distance, [N]."""
    logits = classifier.predict_logits(photos())
    weight = classifier.network.weight.detach()[None, :, None, None]
    return (logits[:, 0] - logits[:, 1]) / 2 / norm.dual(weight)


GOAL = Goal(torch.ones(3).long())


@pytest.mark.parametrize("lead", [0.5, 8.0])
@pytest.mark.parametrize("norm", [LINF, L2], ids=lambda norm: norm.name)
def test_ends_near_the_least_radius(norm: Norm, lead: float) -> None:
    classifier = Classifier(Leads(lead))
    attack = Shrinking(GradientSteps(steps=4, random=False), rounds=16)
    found = fool(classifier, photos(), goal=GOAL, attack=attack, norm=norm, levels=None)
    assert found.status == (Status.REACHED,) * 3
    assert (found.distance < 1.03 * least(classifier, norm)).all()
    assert (found.distance > 0.999 * least(classifier, norm)).all()


def test_on_the_grid_ends_at_the_least_number_of_levels() -> None:
    classifier = Classifier(Leads(2.0))
    found = fool(classifier, photos(), goal=GOAL, attack=Shrinking(FGSM), norm=LINF)
    expected = (least(classifier, LINF) * 255).ceil()
    assert torch.allclose(found.distance * 255, expected, atol=1e-3)
    assert (found.forwards < 30).all()


def test_what_no_radius_reaches_is_said_so() -> None:
    class Never(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            lead = 10 + pixels.mean((1, 2, 3))
            return torch.stack([lead, -lead], 1)

    found = fool(Classifier(Never()), photos(), goal=GOAL, attack=Shrinking(FGSM), norm=LINF)
    assert found.status == (Status.NOT_REACHED,) * 3


def test_with_a_radius_it_is_its_attack() -> None:
    classifier = Classifier(Leads(0.5))
    settings = {"goal": GOAL, "norm": LINF, "radius": 4 / 255}
    one = fool(classifier, photos(), attack=FGSM, **settings)
    same = fool(classifier, photos(), attack=Shrinking(FGSM), **settings)
    assert torch.equal(one.pixels, same.pixels)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"first": 0.0}], ids=str)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        Shrinking(FGSM, **wrong)  # type: ignore[arg-type]
