"""sparse on planes whose optimum on the grid is known, and what its rounds keep to."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.sparse.sparse import REMOVED, Sparse
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.search import SearchTask, search
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.norms import L0, L1, PIXELS, Norm
from pasunchat.parsing import with_settings
from pasunchat.runtime import generator

SIZE = 8
QUICK = Sparse(queries=60)


def plane(classes: int = 2, size: int = SIZE) -> Classifier:
    """A linear classifier whose weights differ in size, so that few values tell much."""
    names = ("cat", "dog", "fox", "owl", "elk")[:classes]
    found = build("linear", classes=names, size=size)
    draw = generator("weights", classes, size)
    with torch.no_grad():
        weights = torch.randn(found.network.dense.weight.shape, generator=draw)
        found.network.dense.weight.copy_(weights * torch.rand(weights.shape, generator=draw))
        found.network.dense.bias.zero_()
    return found


def curved() -> Classifier:
    """An untrained network of three classes with large logits."""
    found = build("simple", classes=("cat", "dog", "fox"), size=16, seed=3)
    with torch.no_grad():
        found.network.dense.weight.mul_(6)
    return found


def photos(count: int, size: int = SIZE) -> Tensor:
    levels = torch.randint(60, 196, (count, 3, size, size), generator=generator("photos"))
    return levels.float().div(255)


def slope_and_margin(classifier: Classifier, photo: Tensor, goal: int) -> tuple[Tensor, float]:
    """Gradient and margin of class `goal` against the other of two, at one photo."""
    pixels = photo[None].clone().requires_grad_()
    logits = classifier(pixels)[0]
    margin = logits[goal] - logits[1 - goal]
    (slope,) = torch.autograd.grad(margin, pixels)
    return slope[0], float(margin.detach())


def gains(slope: Tensor, photo: Tensor) -> Tensor:
    """What each value adds to the margin at the better end of its range."""
    return torch.maximum(slope * (1 - photo), -slope * photo)


def fewest(gain: Tensor, margin: float) -> int:
    """How many of the largest gains make up for the margin."""
    return int((gain.sort(descending=True).values.cumsum(0) <= -margin).sum()) + 1


def knapsack(slope: Tensor, photo: Tensor, margin: float) -> float:
    """The least sum of changes that makes up for the margin: largest slopes first, to the box."""
    order = slope.abs().flatten().argsort(descending=True)
    gain, room = (v.flatten()[order] for v in (gains(slope, photo), (slope > 0).float() - photo))
    spent = total = 0.0
    for one, way in zip(gain.tolist(), room.abs().tolist(), strict=True):
        part = min(1.0, (-margin - spent) / one)
        spent, total = spent + part * one, total + part * way
        if part < 1:
            break
    return total


@pytest.mark.parametrize("levels", [256, None])
def test_of_a_plane_the_fewest_values_are_found(levels: int | None) -> None:
    classifier, given = plane(), photos(6)
    found = fool(classifier, given, attack=QUICK, norm=L0, levels=levels)
    for row in range(6):
        slope, margin = slope_and_margin(classifier, given[row], int(found.goal[row]))
        assert found.distance[row] == fewest(gains(slope, given[row]).flatten(), margin)


def test_of_a_plane_the_fewest_pixels_are_found() -> None:
    classifier, given = plane(), photos(6)
    found = fool(classifier, given, attack=QUICK, norm=PIXELS)
    for row in range(6):
        slope, margin = slope_and_margin(classifier, given[row], int(found.goal[row]))
        gain = gains(slope, given[row]).sum(0).flatten()
        assert found.distance[row] == fewest(gain, margin)


@pytest.mark.parametrize("levels", [256, None])
def test_of_a_plane_the_least_sum_is_nearly_found(levels: int | None) -> None:
    classifier, given = plane(), photos(6)
    found = fool(classifier, given, attack=Sparse(), norm=L1, levels=levels)
    for row in range(6):
        slope, margin = slope_and_margin(classifier, given[row], int(found.goal[row]))
        least = knapsack(slope, given[row], margin)
        assert least * 0.9999 <= found.distance[row] <= 1.03 * least + 1 / 255


def test_of_a_few_pixels_the_fewest_by_trying_all_sets() -> None:
    classifier, given = plane(size=2), photos(4, size=2)
    found = fool(classifier, given, attack=QUICK, norm=L0)
    for row in range(4):
        goal = int(found.goal[row])
        slope, margin = slope_and_margin(classifier, given[row], goal)
        gain = gains(slope, given[row]).flatten().tolist()
        sizes = (
            count
            for count in range(1, 13)
            if any(sum(chosen) > -margin for chosen in combinations(gain, count))
        )
        least = next(sizes, None)
        assert (found.status[row] == "reached") == (least is not None)
        assert least is None or found.distance[row] == least


@pytest.mark.parametrize("norm", [L0, L1, PIXELS])
def test_more_queries_are_never_worse_and_all_are_counted(norm: Norm) -> None:
    classifier, given = curved(), photos(4, size=16)
    # both with a start of 100 gradients
    few, more = (fool(classifier, given, attack=Sparse(queries=q), norm=norm) for q in (260, 300))
    assert all(status == "reached" for status in (*few.status, *more.status))
    assert (more.distance <= few.distance).all()
    assert ((more.forwards + more.backwards) <= 300 + 2).all()


@pytest.mark.parametrize("norm", [L0, L1, PIXELS])
def test_removing_never_loses_the_goal(norm: Norm) -> None:
    """The base of every round is among what reached."""
    classifier, given = plane(), photos(4)
    goal = Goal(1 - classifier.predict_logits(given, batch=1).argmax(1))
    bases: list[Tensor] = []

    class Watched(Sparse):
        def step(self, problem, state, answer, step):  # type: ignore[no-untyped-def]
            after = super().step(problem, state, answer, step)
            ended = (state.phase == REMOVED) & (after.phase != REMOVED)
            bases.extend(zip(after.base[ended], problem.goal.classes[ended], strict=True))
            return after

    rows = torch.arange(4)
    search(Watched(queries=160), SearchTask(classifier, Problem(given, goal, norm), rows, rows))
    assert len(bases) > 8
    for base, goal_class in bases:
        assert classifier.predict_logits(base[None]).argmax() == goal_class


def test_only_what_the_mask_allows_changes() -> None:
    classifier, given = plane(), photos(3)
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[:, : SIZE // 2] = True
    for norm in (L0, L1, PIXELS):
        found = fool(classifier, given, attack=QUICK, norm=norm, mask=mask)
        assert torch.equal(found.pixels[..., SIZE // 2 :], given[..., SIZE // 2 :])
        assert "reached" in found.status


def test_keeps_to_a_confidence_and_to_any_of_five_classes() -> None:
    classifier, given = plane(classes=5), photos(4)
    found = fool(classifier, given, attack=QUICK, norm=L0, confidence=0.9)
    sure = found.after_logits.softmax(1).gather(1, found.goal[:, None])
    assert (sure[torch.tensor([s == "reached" for s in found.status])] >= 0.9).all()
    assert "reached" in found.status


@pytest.mark.parametrize("norm", [L0, L1, PIXELS])
def test_logits_times_1024_change_nothing(norm: Norm) -> None:
    classifier, given = plane(), photos(3)
    one = fool(classifier, given, attack=QUICK, norm=norm)
    with torch.no_grad():
        classifier.network.dense.weight.mul_(1024)
    other = fool(classifier, given, attack=QUICK, norm=norm)
    assert torch.equal(one.pixels, other.pixels)


@pytest.mark.parametrize("setting", [{"queries": "1"}, {"patience": "0"}, {"effort": "much"}])
def test_refuses_settings_that_make_no_sense(setting: dict[str, str]) -> None:
    with pytest.raises(PasunchatError, match=next(iter(setting))):
        with_settings(Sparse(), setting, "attack sparse")


@pytest.mark.parametrize(("norm", "radius"), [(L0, 1.0), (L0, 3.0), (PIXELS, 1.0), (L1, 0.3)])
def test_what_it_returns_is_inside_a_radius_and_never_the_photo(norm: Norm, radius: float) -> None:
    classifier, given = curved(), photos(6, size=16)
    found = fool(classifier, given, attack=QUICK, norm=norm, radius=radius)
    assert (found.distance <= radius * 1.0001).all() and (found.distance > 0).all()
    assert "not_reached" in found.status


@pytest.mark.parametrize("norm", [L0, L1, PIXELS])
def test_inside_a_radius_that_is_large_enough_it_reaches(norm: Norm) -> None:
    classifier, given = plane(), photos(6)
    radius = 1.5 * float(fool(classifier, given, attack=QUICK, norm=norm).distance.max())
    found = fool(classifier, given, attack=QUICK, norm=norm, radius=radius)
    assert set(found.status) == {"reached"}
    assert (found.distance <= radius).all()
