"""Leaving one of many classes: the nearest of them is found, and with two nothing is different."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.find import find
from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.turning.least_levels import LeastLevels
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import HasEffort
from pasunchat.attacks.result import Status
from pasunchat.attacks.search import SearchTask, search
from pasunchat.attacks.strategies.by_class import has_many_classes
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, NORMS, Norm

SIZE = 4
VALUES = 3 * SIZE * SIZE
GREY = torch.full((4, 3, SIZE, SIZE), 127 / 255)
LEAVE = Goal(torch.zeros(4).long(), targeted=False)
METHODS = [(Turning(), L2), (LeastLevels(), LINF)]


class Tempting(nn.Module):
    """Class 1 is the likeliest along its own direction, at first; class 2 is nearer."""

    def __init__(self, near: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        first, second = torch.linalg.qr(torch.randn(VALUES, 2, generator=generator)).Q.T
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.near = near

    def forward(self, pixels: Tensor) -> Tensor:
        change = pixels.contiguous().flatten(1) - GREY[0, 0, 0, 0]
        first, second = change @ self.first, change @ self.second
        zero = 0 * first
        slow = first.clamp(max=0.2) + (first - 0.2).clamp(min=0) * 0.3  # steep only to begin with
        return torch.stack([zero, slow - 0.3, 2 * second - 2 * self.near, 0.1 * first - 9], 1)


def two(network: nn.Module) -> nn.Module:
    class Two(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return network(pixels)[:, :2]

    return Two()


@pytest.mark.parametrize(("method", "norm"), METHODS, ids=["turning", "least-levels"])
@pytest.mark.parametrize("levels", [None, 256])
def test_the_nearest_class_is_found_where_the_margin_leads_astray(
    method: HasEffort, norm: Norm, levels: int | None
) -> None:
    classifier = Classifier(Tempting(0.35))
    settings = {"goal": LEAVE, "norm": norm, "levels": levels}
    found = fool(classifier, GREY, attack=method, **settings)
    aimed = fool(classifier, GREY, attack=method, **{**settings, "goal": Goal(LEAVE.classes + 2)})
    assert found.after.tolist() == [2] * 4
    assert torch.allclose(found.distance, aimed.distance, rtol=1e-3)
    problem = Problem(GREY, LEAVE, norm, levels)
    task = SearchTask(classifier, problem, torch.arange(4), torch.arange(4))
    plain = find(method, replace(task, classes=2))  # the margin as it is
    assert (plain.distance > 1.05 * found.distance).all()


@pytest.mark.parametrize("norm", [L2, LINF], ids=lambda norm: norm.name)
@pytest.mark.parametrize("levels", [None, 256])
def test_with_two_classes_it_is_the_search_itself(norm: Norm, levels: int | None) -> None:
    classifier = Classifier(two(Tempting(0.35)))
    problem = Problem(GREY, LEAVE, norm, levels)
    task = SearchTask(classifier, problem, torch.arange(4), torch.arange(4))
    found = find(Turning(), replace(task, problem=replace(problem, norm=L2)))
    same = search(Turning(), replace(task, problem=replace(problem, norm=L2)))
    assert torch.equal(found.pixels, same.pixels)
    assert torch.equal(found.backwards, same.backwards)
    assert torch.equal(found.forwards, same.forwards)


def test_a_targeted_goal_is_the_search_itself() -> None:
    task = SearchTask(
        Classifier(Tempting(0.35)),
        Problem(GREY, Goal(torch.ones(4).long())),
        torch.arange(4),
        torch.arange(4),
    )
    assert not has_many_classes(task)
    assert has_many_classes(replace(task, problem=Problem(GREY, LEAVE)))
    found, same = find(Turning(), task), search(Turning(), task)
    assert torch.equal(found.pixels, same.pixels)
    assert torch.equal(found.backwards, same.backwards)


@pytest.mark.parametrize("effort", ["quick", "normal", "thorough"])
def test_every_effort_counts_each_query_and_gradient(effort: str) -> None:
    shown = differentiated = 0

    def count_forward(_: object, given: tuple[Tensor]) -> None:
        nonlocal shown
        shown += len(given[0])

    def count_backward(_: object, __: object, gradients: tuple[Tensor]) -> None:
        nonlocal differentiated
        differentiated += len(gradients[0])

    classifier = Classifier(Tempting(0.35), classes=("a", "b", "c", "d"))
    classifier.register_forward_pre_hook(count_forward)
    classifier.network.register_full_backward_hook(count_backward)
    found = fool(classifier, GREY, attack=Turning(effort=effort), goal=LEAVE)
    assert shown - 2 * len(GREY) == found.forwards.sum()
    assert differentiated == found.backwards.sum()
    assert (found.backwards > 3).all()


def test_inside_a_radius_a_row_leaves_when_any_class_fools_it() -> None:
    classifier = Classifier(Tempting(0.35))
    problem = Problem(GREY, LEAVE, L2, radius=torch.full((4,), 0.4))
    task = SearchTask(classifier, problem, torch.arange(4), torch.arange(4))
    plain = search(Turning(), task)
    assert plain.distance.isinf().all()  # the margin leads to class 1, outside
    found = find(Turning(), task)
    assert (found.distance <= 0.4).all()
    wide = replace(problem, radius=torch.full((4,), 2.0))
    easy, same = (way(Turning(), replace(task, problem=wide)) for way in (find, search))
    assert torch.equal(easy.pixels, same.pixels) and torch.equal(easy.backwards, same.backwards)


def test_rows_do_not_depend_on_their_company() -> None:
    classifier = Classifier(Tempting(0.35))
    drawn = torch.rand(20, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    photos = drawn.mul(8).add(123).round().div(255)
    leave = Goal(torch.zeros(20).long(), targeted=False)
    many = fool(classifier, photos, goal=leave)
    for row in (0, 19):
        alone = fool(classifier, photos[row : row + 1], goal=leave.rows(slice(row, row + 1)))
        assert alone.status[0] is many.status[row]
        assert torch.allclose(alone.distance[0], many.distance[row], rtol=1e-3)


def test_time_that_is_over_still_gives_an_answer() -> None:
    found = fool(Classifier(Tempting(0.35)), GREY, goal=LEAVE, seconds=1e-9)
    assert (found.forwards <= 12).all()


@pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: norm.name)
def test_no_norm_s_own_attack_is_led_astray(norm: Norm) -> None:
    found = fool(Classifier(Tempting(0.2)), GREY, goal=LEAVE, norm=norm, effort="quick")
    assert found.status == (Status.REACHED,) * 4
    assert found.after.tolist() == [2] * 4


@pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: norm.name)
def test_where_one_class_alone_is_near_it_alone_is_searched(norm: Norm) -> None:
    near, leave = Classifier(Tempting(5.0)), LEAVE
    found = fool(near, GREY, goal=leave, norm=norm)
    aimed = fool(near, GREY, goal=Goal(leave.classes + 1), norm=norm)
    assert found.after.tolist() == [1] * 4
    assert (found.distance <= aimed.distance * 1.01).all()
