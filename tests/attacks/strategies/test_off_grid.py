"""Asking between the values of the grid: what is found lies on it, and is more."""

import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.norms import LINF
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.strategies.off_grid import OffGrid
from pasunchat.attacks.strategies.parts import found_by
from pasunchat.attacks.task import Task
from pasunchat.classifiers.classifier import Classifier

SIZE, COUNT = 6, 4
STEPS = GradientSteps(steps=6, random=False)
GOAL = Goal(torch.zeros(COUNT).long(), reach=False)


class Seen(nn.Module):
    """A lead of class 0 that falls with the pixels, and remembers what it was asked about."""

    def __init__(self, lead: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3 * SIZE * SIZE, generator=generator))
        self.lead = lead
        self.asked: list[Tensor] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.asked.append(pixels.detach().clone())
        lead = self.lead - (pixels.contiguous().flatten(1) - 0.5) @ self.weight
        return torch.stack([lead, -lead], 1)


def photos() -> Tensor:
    drawn = torch.rand(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return drawn.mul(4).add(126).round().div(255)


def off_grid(pixels: Tensor) -> Tensor:
    """The largest distance from the grid, in levels."""
    return (pixels * 255 - (pixels * 255).round()).abs().max()


def test_it_asks_between_the_values_and_finds_on_them() -> None:
    network = Seen(0.3)
    settings = {"goal": GOAL, "norm": LINF, "radius": 3 / 255}
    found = fool(Classifier(network), photos(), attack=OffGrid(STEPS), **settings)
    assert Status.REACHED in found.status
    assert off_grid(found.pixels) < 1e-3
    assert max(off_grid(asked) for asked in network.asked) > 0.1
    assert (found.distance <= 3 / 255 * (1 + 1e-5)).all()
    network.asked.clear()
    fool(Classifier(network), photos(), attack=STEPS, **settings)
    assert max(off_grid(asked) for asked in network.asked) < 1e-3


def test_where_there_is_no_grid_it_is_its_attack() -> None:
    settings = {"goal": GOAL, "norm": LINF, "radius": 1 / 255, "levels": None}
    one = fool(Classifier(Seen(0.3)), photos(), attack=STEPS, **settings)
    same = fool(Classifier(Seen(0.3)), photos(), attack=OffGrid(STEPS), **settings)
    assert torch.equal(one.pixels, same.pixels)
    assert torch.equal(one.forwards, same.forwards)


def test_as_a_part_its_closest_try_is_judged_as_rounded() -> None:
    """Until a row reaches, a strategy compares margins, and a float one would win wrongly."""
    classifier = Classifier(Seen(50.0))
    problem = Problem(photos(), GOAL, LINF, 256, torch.full((COUNT,), 1 / 255))
    rows = torch.arange(COUNT)
    found = found_by(OffGrid(STEPS), Task(classifier, problem, rows, rows))
    assert found.distance.isinf().all()
    assert off_grid(found.pixels) < 1e-3
    assert torch.equal(found.margin, GOAL.margin(classifier.predict_logits(found.pixels)))


def test_its_facts_are_its_attack_s() -> None:
    made = OffGrid(STEPS)
    assert (made.paper, made.needs, made.norms) == (STEPS.paper, STEPS.needs, STEPS.norms)
    assert made.aims == STEPS.aims and STEPS.about in made.about and made.cost == STEPS.cost
