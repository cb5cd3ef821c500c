"""turning: known optima on linear networks, its budget, and scales that must not matter."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.ddn import DDN
from pasunchat.attacks.methods.turning.turning import (
    FIRST_GRADIENTS,
    GRADIENTS,
    MORE_GRADIENTS,
    Turning,
    gradient_budget,
    gradient_weight,
    long_weight,
    sharpness_of,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.search import SearchResult, SearchTask, search
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, Norm, normalize

SIZE = 8
UNTARGETED = Goal(torch.tensor([0]), targeted=False)


def linear(missing: float, photo: Tensor, seed: int = 0) -> tuple[Classifier, Tensor]:
    """Two classes, the margin of the second at the photo being -missing; and its gradient."""
    drawn = torch.randn(2, photo[0].numel(), generator=torch.Generator().manual_seed(seed))
    layer = nn.Linear(photo[0].numel(), 2)
    with torch.no_grad():
        layer.weight.copy_(drawn)
        layer.bias.copy_(-(drawn @ photo.flatten()) + torch.tensor([missing, 0.0]))
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


@pytest.mark.parametrize("missing", [0.05, 1.0, 4.0])
def test_float_finds_the_optimum_of_a_linear_network(missing: float) -> None:
    classifier, slope = linear(missing, grey())
    found = fool(classifier, grey(), goal=UNTARGETED, attack=Turning(), levels=None)
    assert found.status == (Status.REACHED,)
    assert found.distance.item() == pytest.approx(missing / slope.norm().item(), rel=1e-3)
    assert found.backwards.item() == FIRST_GRADIENTS


@pytest.mark.parametrize("missing", [0.05, 1.0, 4.0])
def test_the_grid_s_answer_is_the_least_of_its_family_that_reaches(missing: float) -> None:
    classifier, slope = linear(missing, grey(), seed=1)
    found = fool(classifier, grey(), goal=UNTARGETED, attack=Turning())
    assert found.status == (Status.REACHED,)
    problem, direction = Problem(grey(), UNTARGETED), normalize(slope)
    changes = (
        problem.moved(direction, scale[None]) - grey() for scale in torch.linspace(1, 200, 8000)
    )
    least = min(c.norm().item() for c in changes if float((c * slope).sum()) > missing)
    assert found.distance.item() <= least * 1.01


@pytest.mark.parametrize("gradients", [None, 60])
def test_linf_in_float_finds_the_optimum_of_a_linear_network(gradients: int | None) -> None:
    classifier, slope = linear(2.0, grey())
    problem = Problem(grey(), UNTARGETED, LINF, levels=None)
    task = SearchTask(classifier, problem, torch.tensor([1]), torch.tensor([0]))
    found = search(Turning(gradients=gradients), task)
    assert found.distance.item() == pytest.approx(2 / slope.abs().sum().item(), rel=1e-3)


def test_no_value_moves_by_more_than_the_most() -> None:
    classifier, _ = linear(1.5, grey())
    free = fool(classifier, grey(), goal=UNTARGETED, attack=Turning())
    held = fool(classifier, grey(), goal=UNTARGETED, attack=Turning(most=2 / 255))
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
        fool(classifier, photos, attack=Turning(gradients=count), levels=levels).distance
        for count in (3, 40)
    ]
    assert (sizes[1] <= sizes[0] * 1.001).all()
    assert sizes[1].sum() < sizes[0].sum()


def test_the_budget_follows_from_what_the_first_step_leaves() -> None:
    left = torch.tensor([0.0, 0.14, 0.16, 0.29, 0.31, 5.0])
    expected = {
        "quick": [8] * 6,
        "normal": [8, 8, 20, 20, 40, 40],
        "thorough": [100] * 6,
    }
    for effort, budget in expected.items():
        assert gradient_budget(left, GRADIENTS[effort]).tolist() == budget


def test_weights_fall_from_the_first_to_the_last() -> None:
    for budget in (8, 60, 1000):
        gradients = torch.arange(1, budget + 2)
        budgets = torch.full_like(gradients, budget)
        short, long = (
            gradient_weight(gradients, budgets, 2.0, 0.02),
            long_weight(gradients, budgets),
        )
        assert (short.diff() < 0).all() and (long.diff() < 0).all()
        assert short[[0, -1]].tolist() == pytest.approx([2, 0.02], rel=1e-3)
        assert long[[0, -1]].tolist() == pytest.approx([32, 0.005], rel=1e-3)
        ratio = (0.005 / 32) ** (1 / budget)
        assert (long[1:] / long[:-1]).tolist() == pytest.approx([ratio] * budget)


def test_only_long_searches_end_with_signs_as_sharp_as_their_last_gradient() -> None:
    budget = torch.tensor([8, 40, 41, 100])
    assert sharpness_of(budget * 0, budget).tolist() == [4, 4, 4, 4]
    assert sharpness_of(budget, budget).tolist() == pytest.approx([16, 16, 200, 200])
    last = long_weight(budget[2:] + 1, budget[2:]) * sharpness_of(budget[2:], budget[2:])
    assert last.tolist() == pytest.approx([1, 1], rel=1e-3)


class Ellipsoid(nn.Module):
    """Three classes: the first outside an ellipsoid, the second inside, the third nowhere."""

    def __init__(self, centre: Tensor, stretch: Tensor, size: float) -> None:
        super().__init__()
        self.centre, self.stretch, self.size = nn.Parameter(centre), stretch, size

    def forward(self, pixels: Tensor) -> Tensor:
        away = (pixels - self.centre).square().mul(self.stretch).flatten(1).sum(1)
        return torch.stack([away, torch.full_like(away, self.size), away - 1], 1)

    def distance(self, photo: Tensor) -> float:
        """From a photo outside: with p the photo less the centre, w the stretch and a multiplier l,
        the change is -l w p/(1 + l w), and lies on the boundary."""
        p, w = (photo - self.centre).flatten().double(), self.stretch.flatten().double()
        low, high = 0.0, 1e6
        for _ in range(100):
            middle = (low + high) / 2
            outside = (w * (p / (1 + middle * w)).square()).sum() > self.size
            low, high = (middle, high) if outside else (low, middle)
        return (low * w * p / (1 + low * w)).norm().item()


@pytest.mark.parametrize(("gradients", "excess"), [(8, 1e-3), (40, 1e-4), (60, 1e-4), (100, 1e-4)])
def test_float_finds_the_nearest_point_of_an_ellipsoid(gradients: int, excess: float) -> None:
    drawn = torch.Generator().manual_seed(4)
    centre = grey()[0] + 0.05 * torch.randn(grey()[0].shape, generator=drawn)
    stretch = 6 ** torch.rand(centre.shape, generator=drawn)
    ellipsoid = Ellipsoid(centre, stretch, size=0.3)
    found = fool(
        Classifier(ellipsoid),
        grey(),
        goal=UNTARGETED,
        attack=Turning(gradients=gradients),
        levels=None,
    )
    nearest = ellipsoid.distance(grey())
    assert 1 - 1e-5 < found.distance.item() / nearest < 1 + excess


def test_what_cannot_be_reached_ends_with_its_closest_try() -> None:
    classifier, _ = linear(4.0, grey())
    found = fool(classifier, grey(), goal=UNTARGETED, attack=Turning(most=1 / 255))
    assert found.status == (Status.NOT_REACHED,)
    assert found.backwards.item() <= FIRST_GRADIENTS + MORE_GRADIENTS
    assert -4 < found.margin.item() < 0


@pytest.mark.parametrize("settings", [{"gradients": 0}, {"most": 0.0}, {"most": 1.5}])
def test_refuses_settings_without_meaning(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Turning(**settings)


def test_few_gradients_that_do_not_reach_are_followed_by_more_once() -> None:
    classifier, photos = curved()
    free = fool(classifier, photos, attack=Turning(gradients=1))
    assert (free.backwards <= MORE_GRADIENTS).all() and (free.forwards < 100).all()
    held = fool(classifier, photos, attack=Turning(gradients=2, most=1 / 255))
    assert (held.backwards <= MORE_GRADIENTS).all() and (held.forwards < 100).all()


class Plateau(nn.Module):
    """The margin of a linear network, squared, and flat where the first step leads."""

    def __init__(self, network: nn.Module, missing: float) -> None:
        super().__init__()
        self.network, self.missing = network, missing

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.network(pixels)
        ahead = (logits[:, :1] - logits[:, 1:]) / self.missing
        ahead = ahead * ahead.abs()
        held = torch.where((ahead > 0.2) & (ahead < 0.5), torch.full_like(ahead, 0.5), ahead)
        return torch.cat([held + 1, torch.ones_like(held)], 1)


def test_a_flat_stretch_on_the_way_does_not_end_the_search() -> None:
    classifier, slope = linear(2.0, grey())
    flat = Classifier(Plateau(classifier.network, 2.0))
    found = fool(flat, grey(), goal=UNTARGETED, attack=Turning(), levels=None)
    assert found.status == (Status.REACHED,)
    assert found.distance.item() == pytest.approx(2 / slope.norm().item(), rel=0.02)


@pytest.mark.parametrize("norm", [L2, LINF])
@pytest.mark.parametrize("share", [0.2, 0.9, 1.5])
def test_what_it_returns_is_inside_a_radius_and_never_the_photo(norm: Norm, share: float) -> None:
    classifier, photos = curved()
    nearest = searched(classifier, photos, norm, None).distance
    radius = nearest * share
    found = searched(classifier, photos, norm, radius)
    distance = norm.measure(found.pixels - photos)
    assert (distance <= radius * 1.0001).all() and (distance > 0).all()
    assert found.distance.isfinite().tolist() == [share > 1] * 3


def searched(
    classifier: Classifier, photos: Tensor, norm: Norm, radius: Tensor | None
) -> SearchResult:
    """By turning, in float, for the class that comes second."""
    goal = Goal(classifier(photos).topk(2, 1).indices[:, 1])
    problem = Problem(photos, goal, norm, levels=None, radius=radius)
    rows = torch.arange(len(photos))
    return search(Turning(), SearchTask(classifier, problem, rows, rows))


def test_fool_keeps_to_a_small_radius() -> None:
    classifier, photos = curved()
    for radius in (1.5 / 255, 0.1, 1.0):
        found = fool(classifier, photos, attack=Turning(), radius=radius)
        assert (found.distance <= radius * 1.0001).all() and (found.distance > 0).all()


@pytest.mark.parametrize("photo", [torch.zeros(1, 3, SIZE, SIZE), torch.ones(1, 3, SIZE, SIZE)])
@pytest.mark.parametrize("missing", [1e-4, 1e-3, 1e-2, 0.3])
def test_what_lies_just_beyond_the_border_is_found(photo: Tensor, missing: float) -> None:
    """Where the gradient's largest value may not move, and most of a small change rounds to 0."""
    for seed in range(10):
        classifier, _ = linear(missing, photo, seed)
        result = fool(classifier, photo, goal=UNTARGETED, attack=Turning())
        assert result.status == (Status.REACHED,)
        assert result.distance[0] > 0


def hardly_sure(seed: int) -> Classifier:
    """A network whose confidence in any class stays just above 0.8 at most."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first, second, last = nn.Conv2d(3, 16, 5), nn.Conv2d(16, 16, 5), nn.Linear(16 * 64, 2)
    with torch.no_grad():
        for layer, factor in ((first, 6), (second, 6), (last, 0.15)):
            layer.weight.mul_(factor)
    layers = (first, nn.Tanh(), second, nn.Tanh(), nn.Flatten(), last)
    return Classifier(nn.Sequential(*layers).eval())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_length_does_not_run_away_where_the_boundary_bends(seed: int) -> None:
    levels = torch.randint(0, 256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    ours, peers = (
        fool(hardly_sure(seed), levels / 255, confidence=0.8, attack=attack)
        for attack in (Turning(), DDN(steps=100))
    )
    assert set(ours.status) == {Status.REACHED} == set(peers.status)
    assert (ours.distance < 2 * peers.distance).all()  # three times as far, when it ran away
