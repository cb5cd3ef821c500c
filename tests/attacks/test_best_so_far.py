"""What is kept of the queries: on the grid, inside the radius, never the photo."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.best_so_far import BestSoFar, bring_inside, no_try, update
from pasunchat.attacks.methods.gradient_steps import PGD
from pasunchat.attacks.oracle import Oracle
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Query
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, Norm

SIDE, GREY = 2, 100 / 255


class Bright(nn.Module):
    """Two logits: class 1 where the mean is above 110 of 255."""

    def forward(self, pixels: Tensor) -> Tensor:
        margin = pixels.mean((1, 2, 3)) - 110 / 255
        return torch.stack([-margin, margin], 1)


def given(norm: Norm = LINF, radius: float | None = None, levels: int | None = 256) -> Problem:
    photo = torch.full((1, 3, SIDE, SIDE), GREY)
    radii = None if radius is None else torch.tensor([radius])
    goal = Goal(torch.tensor([1]), scale=torch.tensor([10 / 255]))
    return Problem(photo, goal, norm, levels, radii)


def after(problem: Problem, *levels: float | tuple[float, ...]) -> BestSoFar:
    """The best after queries about pixels that are all brighter by so many levels; a tuple asks
    about several pictures at once."""
    best, oracle = no_try(problem), Oracle(Classifier(Bright()), PGD)
    for more in levels:
        several = more if isinstance(more, tuple) else (more,)
        pixels = torch.stack([problem.pixels + each / 255 for each in several], 1)
        query = Query(pixels)
        none = torch.zeros(1, dtype=torch.bool)
        answer = oracle.answer(problem, problem, query, none)
        update(best, oracle, problem, query, answer)
    bring_inside(best, oracle, problem)
    return best


def levels_of(best: BestSoFar) -> list[float]:
    return ((best.pixels - GREY) * 255).flatten(1).amax(1).tolist()


def test_the_nearest_that_reached_is_kept() -> None:
    best = after(given(), 3, 30, 12, 20)
    assert levels_of(best) == pytest.approx([12])
    assert best.distance.tolist() == pytest.approx([12 / 255])


def test_until_one_reaches_the_closest_try_is_kept() -> None:
    best = after(given(), 3, 7, 5)
    assert levels_of(best) == pytest.approx([7]) and best.distance.isinf().all()
    assert best.score.tolist() == pytest.approx([-2 * 3 / 255], abs=1e-6)


def test_of_several_pictures_at_once_the_nearest_that_reached_counts() -> None:
    assert levels_of(after(given(), (30, 14, 2, 40))) == pytest.approx([14])
    assert levels_of(after(given(), (3, 1, 7, 2))) == pytest.approx([7])


def test_what_reaches_only_between_levels_is_asked_again_and_does_not_count() -> None:
    best = after(given(), 10.3)  # 10 levels are a tie
    assert best.distance.isinf().all() and best.forwards.tolist() == [1]
    assert levels_of(best) == pytest.approx([10])
    assert best.score.item() <= 1e-6  # the margin of what is kept, not of what was asked
    assert after(given(), 10.7).distance.isfinite().all()


@pytest.mark.parametrize("norm", [LINF, L2], ids=lambda norm: norm.name)
@pytest.mark.parametrize("levels", [256, None], ids=["grid", "float"])
def test_outside_the_radius_nothing_counts_and_the_best_try_is_brought_inside(
    norm: Norm, levels: int | None
) -> None:
    size = 1.001 * norm.measure(torch.full((1, 3, SIDE, SIDE), 4 / 255))
    best = after(given(norm, float(size), levels), 30, 6, 60)
    problem = given(norm, float(size), levels)
    assert problem.within(best.pixels).all() and (best.pixels != problem.pixels).any()
    assert best.distance.isinf().all() and best.forwards.tolist() == [1]
    assert levels_of(best) == pytest.approx([4], abs=1e-2)
    assert best.score.tolist() == pytest.approx([-2 * 6 / 255], abs=1e-4)


def test_what_is_brought_inside_may_reach() -> None:
    best = after(given(LINF, 15 / 255), 30, 40)
    assert levels_of(best) == pytest.approx([15]) and best.distance.isfinite().all()


def test_a_better_try_inside_stays() -> None:
    best = after(given(LINF, 8 / 255), 8, 3)
    assert levels_of(best) == pytest.approx([8]) and best.forwards.tolist() == [0]


def test_the_photo_is_no_try() -> None:
    best = after(given(), 0)
    assert best.score.isneginf().all()
    best = after(given(), 0.3)  # rounds to the photo
    assert best.score.isneginf().all()


def test_without_scores_any_try_is_better_than_the_photo() -> None:
    class Labels(type(PGD)):  # type: ignore[misc]
        info = replace(PGD.info, needs="labels")

    problem, oracle = given(LINF, 4 / 255), Oracle(Classifier(Bright()), Labels())
    best, none = no_try(problem), torch.zeros(1, dtype=torch.bool)
    for more in (40, 25):
        query = Query((problem.pixels + more / 255)[:, None])
        update(best, oracle, problem, query, oracle.answer(problem, problem, query, none))
    bring_inside(best, oracle, problem)
    assert levels_of(best) == pytest.approx([4])
