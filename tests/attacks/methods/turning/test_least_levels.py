"""least-levels: the fewest levels there are, known on linear networks; then the least L2."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.turning.least_levels import ByLevel, LeastLevels
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import LINF

SIZE = 8
UNTARGETED = Goal(torch.tensor([0]), targeted=False)
ATTACKS = {"by-level": ByLevel(), "least-levels": LeastLevels(), "quick": LeastLevels("quick")}


def linear(photo: Tensor, levels: float, seed: int = 0) -> tuple[Classifier, Tensor]:
    """A network of two classes that just about `levels` levels along its signs fool, in the box;
    and the slope of its margin."""
    drawn = torch.randn(2, photo[0].numel(), generator=torch.Generator().manual_seed(seed))
    slope = (drawn[1] - drawn[0]).view_as(photo)
    change = (photo + slope.sign() * levels / 255).clamp(0, 1) - photo
    missing = (slope * change).sum()
    layer = nn.Linear(photo[0].numel(), 2)
    with torch.no_grad():
        layer.weight.copy_(drawn)
        layer.bias.copy_(-(drawn @ photo.flatten()) + torch.stack([missing, torch.zeros(())]))
    return Classifier(nn.Sequential(nn.Flatten(), layer)), slope


def photo(seed: int = 0) -> Tensor:
    """On the grid, with some values at its ends, where a sign has no room."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-60, 316, (1, 3, SIZE, SIZE), generator=generator).clamp(0, 255) / 255


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("levels", [0.2, 0.95, 1.05, 2.5, 6.97, 40.3])
def test_finds_the_fewest_levels_of_a_linear_network(levels: float, name: str) -> None:
    given = photo()
    classifier, _ = linear(given, levels)
    found = fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=ATTACKS[name])
    assert found.status == (Status.REACHED,)
    assert round(found.distance.item() * 255) == int(levels) + 1


def test_within_those_levels_it_moves_as_few_values_as_it_can() -> None:
    given = photo()
    classifier, slope = linear(given, 0.5)
    found = fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=LeastLevels())
    room = torch.where(slope > 0, 255 - given * 255, given * 255).round() > 0
    gains = (slope.abs() * room).flatten().sort(descending=True).values.cumsum(0) / 255
    fewest = int((gains <= 0.5 * gains[-1]).sum()) + 1
    moved = int(((found.pixels - given) * 255).round().count_nonzero())
    assert fewest <= moved <= 1.02 * fewest + 1


def test_in_float_it_finds_the_radius_of_a_linear_network() -> None:
    given = photo()
    classifier, _ = linear(given, 3.3)
    found = fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=LeastLevels(), levels=None)
    assert found.distance.item() * 255 == pytest.approx(3.3, rel=2e-3)


def test_logits_times_1024_give_the_same_bytes() -> None:
    classifier = build("simple", classes=("cat", "dog", "fox"), size=16, seed=3)
    levels = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    one = fool(classifier, levels / 255, norm=LINF, attack=LeastLevels())
    with torch.no_grad():
        classifier.network.dense.weight.mul_(1024)
        classifier.network.dense.bias.mul_(1024)
    other = fool(classifier, levels / 255, norm=LINF, attack=LeastLevels())
    assert Status.REACHED in one.status
    assert torch.equal(one.pixels, other.pixels)


def test_a_level_gets_more_gradients_only_where_little_is_left() -> None:
    given = photo()
    near, far = (linear(given, levels)[0] for levels in (1.05, 1.7))
    attack = ByLevel(few=4, many=12)
    counts = [
        fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=attack).backwards
        for classifier in (near, far)
    ]
    assert counts[0] >= 4 + 12 > counts[1]


def test_what_cannot_be_reached_ends() -> None:
    given = photo()
    classifier, _ = linear(given, 200)
    with torch.no_grad():
        classifier.network[1].bias[0] += 1e4
    found = fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=LeastLevels())
    assert found.status == (Status.NOT_REACHED,)
    assert found.backwards.item() < 200


@pytest.mark.parametrize("levels", [256, None])
@pytest.mark.parametrize("radius", [1, 2, 3, 8])
def test_what_it_returns_is_inside_a_radius_and_never_the_photo(
    radius: int, levels: int | None
) -> None:
    given = photo()
    for needed in (0.5, 2.5, 40.3):
        classifier, _ = linear(given, needed)
        found = fool(
            classifier,
            given,
            goal=UNTARGETED,
            norm=LINF,
            attack=LeastLevels(),
            radius=radius / 255,
            levels=levels,
        )
        assert 0 < found.distance.item() * 255 <= radius * 1.0001
        assert found.status == (Status.REACHED if needed < radius else Status.NOT_REACHED,)


def test_inside_a_radius_it_still_makes_the_change_small_in_l2() -> None:
    given = photo()
    classifier, _ = linear(given, 2.5)
    within = fool(
        classifier, given, goal=UNTARGETED, norm=LINF, attack=LeastLevels(), radius=3 / 255
    )
    first = fool(classifier, given, goal=UNTARGETED, norm=LINF, attack=ByLevel(), radius=3 / 255)
    assert within.status == first.status == (Status.REACHED,)
    sizes = [(found.pixels - given).norm().item() for found in (within, first)]
    assert sizes[0] < 0.99 * sizes[1]


@pytest.mark.parametrize(("levels", "reached"), [(1.95, True), (4.9, True), (5.1, False)])
def test_at_a_radius_it_asks_for_no_other_number_of_levels(levels: float, reached: bool) -> None:
    given = photo()
    classifier, _ = linear(given, levels)
    settings = {"goal": UNTARGETED, "norm": LINF, "radius": 5 / 255}
    found = fool(classifier, given, attack=ByLevel(few=6, many=6, at_radius=True), **settings)
    assert (found.status == (Status.REACHED,)) == reached
    assert round(255 * float(found.distance)) == 5
    assert int(found.backwards) <= 7
    below = fool(classifier, given, attack=ByLevel(), **settings)
    assert (below.status == (Status.REACHED,)) == reached
    assert round(255 * float(below.distance)) == (int(levels) + 1 if reached else 5)
