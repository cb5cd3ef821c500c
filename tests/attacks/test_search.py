"""The loop, with a small attack of its own in which each row's key says when it leaves."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.losses import log_probability
from pasunchat.attacks.norms import LINF
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, put, take
from pasunchat.attacks.search import AT_ONCE, search
from pasunchat.attacks.task import Task
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier

SIZE = 8


@dataclass(frozen=True)
class LeavingState:
    limit: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class Leaving:
    """Row k asks `key` times, the first time with a gradient if `slopes`, and keeps its clock."""

    about: ClassVar[str] = "a test"
    paper: ClassVar[str] = "none"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "own"

    queries: int = 1
    slopes: bool = True

    def start(self, problem: Problem, keys: Tensor) -> LeavingState:
        assert len(problem.pixels) == len(keys)
        return LeavingState(keys, torch.zeros_like(keys), torch.zeros_like(keys).bool())

    def ask(self, problem: Problem, state: LeavingState) -> Ask:
        pixels = problem.pixels[:, None].expand(-1, self.queries, -1, -1, -1)
        return Ask(pixels, (state.clock == 0) & self.slopes)

    def loss(self, problem: Problem, state: LeavingState, logits: Tensor) -> Tensor:
        return log_probability(logits, problem.goal)

    def step(self, problem: Problem, state: LeavingState, answer: Answer) -> LeavingState:
        assert answer.reached.shape == (len(state.clock), self.queries)
        assert len(problem.pixels) == len(problem.goal.classes) == len(state.clock)
        clock = state.clock + 1
        return replace(state, clock=clock, done=clock >= state.limit)

    def kept(self, problem: Problem, state: LeavingState) -> Tensor:
        """The row's own first pixel, and its clock as all the others."""
        kept = (state.clock / 100).float()[:, None, None, None].expand_as(problem.pixels).clone()
        kept[:, :, 0, 0] = problem.pixels[:, :, 0, 0]
        return kept


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("linear", classes=("cat", "dog"), size=SIZE)


def problem(rows: int) -> Problem:
    pixels = torch.rand(rows, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return Problem(pixels, Goal(torch.zeros(rows, dtype=torch.int64)))


def task(classifier: Classifier, keys: list[int]) -> Task:
    """Every row of as many random photos as there are keys."""
    return Task(classifier, problem(len(keys)), torch.tensor(keys), torch.arange(len(keys)))


def test_rows_leave_at_different_times_with_what_is_theirs(classifier: Classifier) -> None:
    given = task(classifier, [3, 1, 7, 1, 2, 5])
    found = search(Leaving(), given)
    assert found.forwards.tolist() == [3, 1, 7, 1, 2, 5]
    assert found.backwards.tolist() == [1] * 6
    assert torch.equal(found.pixels[:, :, 0, 0], given.problem.pixels[:, :, 0, 0])
    assert torch.allclose(found.pixels[:, 0, 1, 1], given.keys / 100)


def test_other_rows_stay_as_they_are(classifier: Classifier) -> None:
    given = task(classifier, [4, 4, 2, 4, 3])
    found = search(Leaving(), replace(given, rows=torch.tensor([4, 2])))
    assert found.forwards.tolist() == [0, 0, 2, 0, 3]
    assert found.moved.tolist() == [False, False, True, False, True]
    others = [0, 1, 3]
    assert torch.equal(found.pixels[others], given.problem.pixels[others])
    assert found.pixels[4, 0, 1, 1].item() == pytest.approx(0.03)


def test_no_rows_is_no_question(classifier: Classifier) -> None:
    given, told = task(classifier, [1, 1]), []
    nothing = torch.zeros(0, dtype=torch.int64)
    found = search(Leaving(), replace(given, rows=nothing, progress=lambda *at: told.append(at)))
    assert torch.equal(found.pixels, given.problem.pixels) and found.forwards.sum() == 0
    assert told == []


def test_every_query_of_a_row_counts(classifier: Classifier) -> None:
    found = search(Leaving(queries=3), task(classifier, [2, 3]))
    assert found.forwards.tolist() == [6, 9]
    assert found.backwards.tolist() == [1, 1]


def test_without_a_gradient_no_row_has_moved(classifier: Classifier) -> None:
    found = search(Leaving(slopes=False), task(classifier, [2, 3]))
    assert found.backwards.tolist() == [0, 0]
    assert not found.moved.any()


def test_progress_grows_to_all_rows(classifier: Classifier) -> None:
    total, told = 2 * AT_ONCE + 3, []
    given = task(classifier, [1 + row % 5 for row in range(total)])
    search(Leaving(), replace(given, progress=lambda *at: told.append(at)))
    done = [at for at, _ in told]
    assert done == sorted(set(done)) and done[-1] == total
    assert {all_rows for _, all_rows in told} == {total}
    assert AT_ONCE in done


def test_the_classifier_is_asked_no_more_than_the_rows_still_there(classifier: Classifier) -> None:
    asked: list[int] = []
    hook = classifier.register_forward_pre_hook(lambda _, given: asked.append(len(given[0])))
    search(Leaving(), task(classifier, [1] * 8 + [3]))
    hook.remove()
    assert asked == [12, 4, 4]


def test_take_takes_the_same_rows_of_everything() -> None:
    state = LeavingState(torch.arange(4), torch.arange(4) * 10, torch.tensor([True, False] * 2))
    part = take(state, torch.tensor([3, 0]))
    assert isinstance(part, LeavingState)
    assert part.limit.tolist() == [3, 0]
    assert part.clock.tolist() == [30, 0]
    assert part.done.tolist() == [False, True]


def test_put_is_the_other_way_round() -> None:
    state = LeavingState(torch.arange(4), torch.arange(4) * 10, torch.tensor([True, False] * 2))
    rows = torch.tensor([3, 0])
    part = take(state, rows)
    changed = put(state, rows, replace(part, limit=part.limit + 100))
    assert changed.limit.tolist() == [100, 1, 2, 103]
    assert changed.clock.tolist() == state.clock.tolist()


def test_what_an_attack_keeps_is_masked_too(classifier: Classifier) -> None:
    mask = torch.zeros(2, 1, SIZE, SIZE, dtype=torch.bool)
    mask[..., 1] = True
    given = task(classifier, [1, 2])
    found = search(Leaving(), replace(given, problem=replace(given.problem, mask=mask)))
    changed = (found.pixels != given.problem.pixels).any(1)
    assert changed[:, 1:, 1].all() and not changed[..., 2:].any()


def test_when_time_is_up_every_row_leaves_with_its_best(classifier: Classifier) -> None:
    found = search(Leaving(), replace(task(classifier, [1000] * 3), until=0.0))
    assert found.forwards.tolist() == [1, 1, 1]


@dataclass(frozen=True)
class Darkening(Leaving):
    """Keeps nothing of its own: each question is darker than the one before."""

    keeps: ClassVar[Keeps] = "nearest"
    kept = None  # type: ignore[assignment]

    def ask(self, problem: Problem, state: LeavingState) -> Ask:
        share = 1 - state.clock[:, None, None, None] / 10
        return Ask((problem.pixels * share)[:, None], torch.zeros_like(state.done))


class Dark(torch.nn.Module):
    """Two logits: class 1 where a picture is darker than 0.3 in the mean."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = 0.3 - pixels.mean((1, 2, 3))
        return torch.stack([-lead, lead], 1)


def darken(radius: Tensor | None, levels: int | None = None) -> tuple[Problem, object]:
    pixels = torch.full((2, 3, SIZE, SIZE), 0.5)
    pixels[1] = 0.8
    problem = Problem(pixels, Goal(torch.tensor([1, 1])), LINF, levels=levels, radius=radius)
    rows, keys = torch.arange(2), torch.full((2,), 9)
    return problem, search(Darkening(), Task(Classifier(Dark()), problem, keys, rows))


def test_of_all_questions_that_reach_the_nearest_is_kept() -> None:
    _, found = darken(radius=None)
    assert found.distance.tolist() == pytest.approx([0.25, 0.56])
    assert found.forwards.tolist() == [9, 9]


def test_with_a_radius_a_row_leaves_when_it_reaches_inside_it() -> None:
    problem, found = darken(radius=torch.tensor([0.3, 0.3]))
    assert found.distance.tolist() == pytest.approx([0.25, torch.inf])
    assert found.forwards.tolist() == [6, 9]
    assert found.pixels[1].mean() < problem.pixels[1].mean()


def test_on_a_grid_only_what_reaches_there_counts() -> None:
    _, found = darken(radius=None, levels=11)
    assert (found.pixels * 10 - (found.pixels * 10).round()).abs().max() < 1e-5
    assert found.pixels[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2])
    assert found.forwards[0] > 9
