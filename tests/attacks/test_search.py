"""The loop, with small attacks of its own."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.losses import log_probability
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, put, query_one, take
from pasunchat.attacks.search import (
    BATCH,
    VALUES,
    SearchResult,
    SearchTask,
    batches,
    search,
)
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF

SIZE = 8
INFO = AttackInfo(about="a test", paper="none", norms=("l2",), when="never", cost="nothing")


@dataclass(frozen=True)
class LeavingState:
    limit: Tensor
    queries: Tensor
    done: Tensor


@dataclass(frozen=True)
class Leaving:
    """Row k asks `key` times, the first time with a gradient if `slopes`, and then ends by itself;
    its result is its number of queries, which are asked about once more."""

    info: ClassVar[AttackInfo] = replace(INFO, own_result=True)
    steps: ClassVar[int | None] = None

    pictures: int = 1
    slopes: bool = True

    def start(self, problem: Problem, keys: Tensor) -> LeavingState:
        assert len(problem.pixels) == len(keys)
        return LeavingState(keys, torch.zeros_like(keys), torch.zeros_like(keys).bool())

    def ask(self, problem: Problem, state: LeavingState, step: int) -> Query:
        pixels = problem.pixels[:, None].expand(-1, self.pictures, -1, -1, -1)
        return Query(pixels, torch.full_like(state.done, step == 0 and self.slopes))

    def loss(self, problem: Problem, state: LeavingState, logits: Tensor) -> Tensor:
        return log_probability(logits, problem.goal)

    def step(
        self, problem: Problem, state: LeavingState, answer: Answer, step: int
    ) -> LeavingState:
        assert answer.reached.shape == (len(state.done), self.pictures)
        assert len(problem.pixels) == len(problem.goal.classes) == len(state.done)
        queries = state.queries + 1
        assert (queries == step + 1).all()
        return replace(state, queries=queries, done=queries >= state.limit)

    def result(self, problem: Problem, state: LeavingState) -> Tensor:
        """The row's own first pixel, and its number of queries as all the others."""
        pixels = (state.queries / 100).float()[:, None, None, None]
        pixels = pixels.expand_as(problem.pixels).clone()
        pixels[:, :, 0, 0] = problem.pixels[:, :, 0, 0]
        return pixels


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("linear", classes=("cat", "dog"), size=SIZE)


def problem(rows: int) -> Problem:
    pixels = torch.rand(rows, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return Problem(pixels, Goal(torch.zeros(rows, dtype=torch.int64)), levels=None)


def task(classifier: Classifier, keys: list[int]) -> SearchTask:
    """Every row of as many random photos as there are keys."""
    return SearchTask(classifier, problem(len(keys)), torch.tensor(keys), torch.arange(len(keys)))


def test_rows_leave_at_different_times_with_what_is_theirs(classifier: Classifier) -> None:
    given = task(classifier, [3, 1, 7, 1, 2, 5])
    found = search(Leaving(), given)
    assert found.forwards.tolist() == [4, 2, 8, 2, 3, 6]
    assert found.backwards.tolist() == [1] * 6
    assert torch.equal(found.pixels[:, :, 0, 0], given.problem.pixels[:, :, 0, 0])
    assert torch.allclose(found.pixels[:, 0, 1, 1], given.keys / 100)


def test_other_rows_stay_as_they_are(classifier: Classifier) -> None:
    given = task(classifier, [4, 4, 2, 4, 3])
    found = search(Leaving(), replace(given, rows=torch.tensor([4, 2])))
    assert found.forwards.tolist() == [0, 0, 3, 0, 4]
    assert found.had_gradient.tolist() == [False, False, True, False, True]
    others = [0, 1, 3]
    assert torch.equal(found.pixels[others], given.problem.pixels[others])
    assert found.pixels[4, 0, 1, 1].item() == pytest.approx(0.03)


def test_no_rows_is_no_query(classifier: Classifier) -> None:
    given, reports = task(classifier, [1, 1]), []
    nothing = torch.zeros(0, dtype=torch.int64)
    found = search(Leaving(), replace(given, rows=nothing, progress=lambda *at: reports.append(at)))
    assert torch.equal(found.pixels, given.problem.pixels) and found.forwards.sum() == 0
    assert reports == []


def test_every_picture_of_a_query_counts(classifier: Classifier) -> None:
    found = search(Leaving(pictures=3), task(classifier, [2, 3]))
    assert found.forwards.tolist() == [7, 10]
    assert found.backwards.tolist() == [1, 1]


def test_a_row_that_never_asked_for_a_gradient_had_none(classifier: Classifier) -> None:
    found = search(Leaving(slopes=False), task(classifier, [2, 3]))
    assert found.backwards.tolist() == [0, 0]
    assert not found.had_gradient.any()


def test_progress_grows_to_all_rows(classifier: Classifier) -> None:
    total, reports = 2 * BATCH + 3, []
    given = task(classifier, [1 + row % 5 for row in range(total)])
    search(Leaving(), replace(given, progress=lambda *at: reports.append(at)))
    done = [at for at, _ in reports]
    assert done == sorted(set(done)) and done[-1] == total
    assert {all_rows for _, all_rows in reports} == {total}


def test_small_pictures_are_searched_in_larger_batches(classifier: Classifier) -> None:
    rows, given = torch.arange(200), task(classifier, [3]).problem
    for side, most in ((8, VALUES // (3 * 8 * 8)), (32, 64), (224, BATCH)):
        sized = replace(given, pixels=torch.zeros(1, 3, side, side))
        assert len(batches(rows, sized)[0]) == min(most, 200)


def test_only_active_rows_are_asked_about(classifier: Classifier) -> None:
    asked: list[int] = []
    hook = classifier.register_forward_pre_hook(lambda _, given: asked.append(len(given[0])))
    search(Leaving(), task(classifier, [1] * 8 + [3]))
    hook.remove()
    assert asked == [9, 8, 1, 1, 1]  # eight leave and are asked about


def test_take_takes_the_same_rows_of_everything() -> None:
    state = LeavingState(torch.arange(4), torch.arange(4) * 10, torch.tensor([True, False] * 2))
    part = take(state, torch.tensor([3, 0]))
    assert isinstance(part, LeavingState)
    assert part.limit.tolist() == [3, 0]
    assert part.queries.tolist() == [30, 0]
    assert part.done.tolist() == [False, True]


def test_put_is_the_other_way_round() -> None:
    state = LeavingState(torch.arange(4), torch.arange(4) * 10, torch.tensor([True, False] * 2))
    rows = torch.tensor([3, 0])
    part = take(state, rows)
    changed = put(state, rows, replace(part, limit=part.limit + 100))
    assert changed.limit.tolist() == [100, 1, 2, 103]
    assert changed.queries.tolist() == state.queries.tolist()


def test_a_result_that_an_attack_chooses_is_masked_too(classifier: Classifier) -> None:
    mask = torch.zeros(2, 1, SIZE, SIZE, dtype=torch.bool)
    mask[..., 1] = True
    given = task(classifier, [1, 2])
    found = search(Leaving(), replace(given, problem=replace(given.problem, mask=mask)))
    changed = (found.pixels != given.problem.pixels).any(1)
    assert changed[:, 1:, 1].all() and not changed[..., 2:].any()


def test_at_the_deadline_every_row_leaves_with_its_best(classifier: Classifier) -> None:
    found = search(Leaving(), replace(task(classifier, [1000] * 3), deadline=0.0))
    assert found.forwards.tolist() == [2, 2, 2]


@dataclass(frozen=True)
class DarkeningState:
    keys: Tensor


@dataclass(frozen=True)
class Darkening:
    """Each query is a tenth darker than the one before; no gradients."""

    info: ClassVar[AttackInfo] = replace(INFO, norms=("l2", "linf"), needs="scores")

    steps: int = 8

    def start(self, problem: Problem, keys: Tensor) -> DarkeningState:
        return DarkeningState(keys)

    def ask(self, problem: Problem, state: DarkeningState, step: int) -> Query:
        return Query((problem.pixels * (1 - step / 10))[:, None])

    def loss(self, problem: Problem, state: DarkeningState, logits: Tensor) -> Tensor:
        raise AssertionError("no gradient is asked for")

    def step(
        self, problem: Problem, state: DarkeningState, answer: Answer, step: int
    ) -> DarkeningState:
        assert answer.gradient is None and step < self.steps
        return state


class Dark(torch.nn.Module):
    """Two logits: class 1 where a picture is darker than 0.3 in the mean."""

    def forward(self, pixels: Tensor) -> Tensor:
        margin = 0.3 - pixels.mean((1, 2, 3))
        return torch.stack([-margin, margin], 1)


def darken(radius: float | None, levels: int | None = None) -> SearchResult:
    pixels = torch.full((2, 3, SIZE, SIZE), 0.5)
    pixels[1] = 0.8
    radii = None if radius is None else torch.full((2,), radius)
    problem = Problem(pixels, Goal(torch.tensor([1, 1])), LINF, levels=levels, radius=radii)
    rows = torch.arange(2)
    return search(Darkening(), SearchTask(Classifier(Dark()), problem, rows, rows))


def test_of_all_queries_that_reach_the_nearest_is_the_result() -> None:
    found = darken(radius=None)
    assert found.distance.tolist() == pytest.approx([0.25, 0.56])
    assert found.forwards.tolist() == [9, 9]  # the last one after the last step


def test_with_a_radius_a_row_leaves_when_it_reaches_inside_it() -> None:
    found = darken(radius=0.3)
    assert found.distance.tolist() == pytest.approx([0.25, torch.inf])
    assert found.forwards.tolist() == [6, 10]  # the best try outside was brought inside and asked
    assert found.pixels[1].mean() == pytest.approx(0.5, abs=1e-5)


def test_on_a_grid_only_what_reaches_there_counts() -> None:
    found = darken(radius=None, levels=11)
    assert (found.pixels * 10 - (found.pixels * 10).round()).abs().max() < 1e-5
    assert found.pixels[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2])
    assert found.forwards[0] > 9


@dataclass(frozen=True)
class FirstGradient:
    """One step along the gradient; records at which step what was asked."""

    info: ClassVar[AttackInfo] = INFO

    steps: int = 1

    def start(self, problem: Problem, keys: Tensor) -> DarkeningState:
        return DarkeningState(problem.pixels)

    def ask(self, problem: Problem, state: DarkeningState, step: int) -> Query:
        return query_one(problem, state.keys)

    def loss(self, problem: Problem, state: DarkeningState, logits: Tensor) -> Tensor:
        return problem.goal.margin(logits)

    def step(
        self, problem: Problem, state: DarkeningState, answer: Answer, step: int
    ) -> DarkeningState:
        assert answer.gradient is not None and step == 0
        return DarkeningState((state.keys + answer.gradient.sign()).clamp(0, 1))


def test_the_last_query_is_without_a_gradient() -> None:
    photo = torch.full((1, 3, SIZE, SIZE), 0.4)
    problem = Problem(photo, Goal(torch.tensor([1])), L2, levels=None)
    row = torch.arange(1)
    found = search(FirstGradient(), SearchTask(Classifier(Dark()), problem, row, row))
    assert found.forwards.tolist() == [2] and found.backwards.tolist() == [1]
    assert not found.pixels.any() and found.distance.isfinite().all()
