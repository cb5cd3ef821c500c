"""turning: known optima on linear networks, its budget, and scales that must not matter."""

import pytest
import torch
from pasunchat.attacks.task import Task
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.common import moved
from pasunchat.attacks.methods.turning.turning import (
    FEW,
    MANY,
    MOST,
    SOME,
    Turning,
    budget_for,
    falling_share,
    width_for,
)
from pasunchat.attacks.norms import LINF, unit
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.search import search
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier

SIZE = 8
LEAVE = Goal(torch.tensor([0]), targeted=False)


def linear(lead: float, photo: Tensor, seed: int = 0) -> tuple[Classifier, Tensor]:
    """Two classes, the first leading by `lead` at the photo; and the slope of the second's lead."""
    drawn = torch.randn(2, photo[0].numel(), generator=torch.Generator().manual_seed(seed))
    layer = nn.Linear(photo[0].numel(), 2)
    with torch.no_grad():
        layer.weight.copy_(drawn)
        layer.bias.copy_(-(drawn @ photo.flatten()) + torch.tensor([lead, 0.0]))
    return Classifier(nn.Sequential(nn.Flatten(), layer)), (drawn[1] - drawn[0]).view_as(photo)


def grey() -> Tensor:
    return torch.full((1, 3, SIZE, SIZE), 100 / 255)


def curved() -> tuple[Classifier, Tensor]:
    """An untrained network of three classes with large logits, and photos."""
    found = build("simple", classes=("cat", "dog", "fox"), size=16, seed=3)
    with torch.no_grad():
        found.network.dense.weight.mul_(6)
    levels = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    return found, levels / 255


def scaled(classifier: Classifier, factor: float) -> Classifier:
    with torch.no_grad():
        classifier.network.dense.weight.mul_(factor)
        classifier.network.dense.bias.mul_(factor)
    return classifier


@pytest.mark.parametrize("lead", [0.05, 1.0, 4.0])
def test_float_finds_the_optimum_of_a_linear_network(lead: float) -> None:
    classifier, slope = linear(lead, grey())
    found = fool(classifier, grey(), goal=LEAVE, attack=Turning(), levels=None)
    assert found.status == (Status.REACHED,)
    assert found.distance.item() == pytest.approx(lead / slope.norm().item(), rel=1e-3)
    assert found.backwards.item() == FEW


@pytest.mark.parametrize("lead", [0.05, 1.0, 4.0])
def test_the_grid_s_answer_is_the_least_of_its_family_that_reaches(lead: float) -> None:
    classifier, slope = linear(lead, grey(), seed=1)
    found = fool(classifier, grey(), goal=LEAVE, attack=Turning())
    assert found.status == (Status.REACHED,)
    problem, way = Problem(grey(), LEAVE), unit(slope)
    least = min(
        change.norm().item()
        for scale in torch.linspace(1, 200, 8000)
        if float(((change := moved(problem, way, scale[None]) - grey()) * slope).sum()) > lead
    )
    assert found.distance.item() <= least * 1.01


def test_linf_in_float_finds_the_optimum_of_a_linear_network() -> None:
    classifier, slope = linear(2.0, grey())
    problem = Problem(grey(), LEAVE, LINF, levels=None)
    found = search(Turning(), Task(classifier, problem, torch.tensor([1]), torch.tensor([0])))
    assert found.distance.item() == pytest.approx(2 / slope.abs().sum().item(), rel=1e-3)


def test_no_value_moves_by_more_than_the_most() -> None:
    classifier, _ = linear(1.5, grey())
    free = fool(classifier, grey(), goal=LEAVE, attack=Turning())
    held = fool(classifier, grey(), goal=LEAVE, attack=Turning(most=2 / 255))
    assert ((free.pixels - grey()).abs() * 255).round().max() > 2
    assert held.status == (Status.REACHED,)
    assert ((held.pixels - grey()).abs() * 255).round().max() == 2
    assert held.distance >= free.distance


@pytest.mark.parametrize("levels", [None, 256])
def test_logits_times_1024_give_the_same_bytes(levels: int | None) -> None:
    classifier, photos = curved()
    one = fool(classifier, photos, attack=Turning(), levels=levels)
    other = fool(scaled(classifier, 1024), photos, attack=Turning(), levels=levels)
    assert torch.equal(one.pixels, other.pixels)
    assert torch.equal(one.forwards, other.forwards)


@pytest.mark.parametrize("levels", [None, 256])
def test_more_gradients_find_nearer_changes(levels: int | None) -> None:
    classifier, photos = curved()
    sizes = [
        fool(classifier, photos, attack=Turning(steps=steps), levels=levels).distance
        for steps in (3, 40)
    ]
    assert (sizes[1] <= sizes[0] * 1.001).all()
    assert sizes[1].sum() < sizes[0].sum()


def test_the_budget_follows_from_what_the_first_step_leaves() -> None:
    left_over = torch.tensor([0.0, 0.14, 0.16, 0.29, 0.31, 5.0])
    expected = {
        "quick": [FEW] * 6,
        "normal": [FEW, FEW, SOME, SOME, MANY, MANY],
        "thorough": [MOST] * 6,
    }
    for effort, budget in expected.items():
        assert budget_for(left_over, effort).tolist() == budget


def test_long_searches_turn_wider_at_first_and_narrower_at_last_where_it_is_flat() -> None:
    ends = {}
    for budget in (FEW, SOME, MANY, MOST, 10 * MOST):
        looks = torch.arange(1, budget + 2)
        count = torch.full_like(looks, budget)
        width = width_for(torch.full(looks.shape, 0.29), count, widest=4)
        share = falling_share(looks, count, 2.0, 0.02, width)
        assert (share.diff() < 0).all()
        ends[budget] = (share[0].item(), share[-1].item())
        assert (width_for(torch.tensor([0.31, 5.0]), count[:1], widest=4) == 1).all()
    assert ends[FEW] == ends[SOME] == pytest.approx((2, 0.02))
    assert ends[MANY] == pytest.approx((4, 0.01))
    assert ends[MOST] == ends[10 * MOST] == pytest.approx((8, 0.005))


def test_what_cannot_be_reached_ends_with_its_closest_try() -> None:
    classifier, _ = linear(4.0, grey())
    found = fool(classifier, grey(), goal=LEAVE, attack=Turning(most=1 / 255))
    assert found.status == (Status.NOT_REACHED,)
    assert found.backwards.item() <= FEW + MANY
    assert -4 < found.margin.item() < 0


@pytest.mark.parametrize("settings", [{"steps": 0}, {"most": 0.0}, {"most": 1.5}])
def test_refuses_settings_without_meaning(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Turning(**settings)


def test_few_steps_that_do_not_reach_are_given_more_once() -> None:
    classifier, photos = curved()
    free = fool(classifier, photos, attack=Turning(steps=1))
    assert (free.backwards <= MANY).all() and (free.forwards < 100).all()
    held = fool(classifier, photos, attack=Turning(steps=2, most=1 / 255))
    assert (held.backwards <= MANY).all() and (held.forwards < 100).all()


class Plateau(nn.Module):
    """The lead of a linear network, squared, and flat where the first step leads."""

    def __init__(self, network: nn.Module, lead: float) -> None:
        super().__init__()
        self.network, self.lead = network, lead

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.network(pixels)
        ahead = (logits[:, :1] - logits[:, 1:]) / self.lead
        ahead = ahead * ahead.abs()
        held = torch.where((ahead > 0.2) & (ahead < 0.5), torch.full_like(ahead, 0.5), ahead)
        return torch.cat([held + 1, torch.ones_like(held)], 1)


def test_a_flat_stretch_on_the_way_does_not_end_the_search() -> None:
    classifier, slope = linear(2.0, grey())
    flat = Classifier(Plateau(classifier.network, 2.0))
    found = fool(flat, grey(), goal=LEAVE, attack=Turning(), levels=None)
    assert found.status == (Status.REACHED,)
    assert found.distance.item() == pytest.approx(2 / slope.norm().item(), rel=0.02)
