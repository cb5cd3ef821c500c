"""Work on a few rows at a time: nothing is lost, out of order, or done to the wrong rows."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.methods.turning import turning as cached
from pasunchat.attacks.methods.turning.turning import either, few_at_a_time, ranges
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Answer


@dataclass(frozen=True)
class Sums:
    pixels: Tensor
    total: Tensor
    done: Tensor


def added(problem: Problem, state: Sums, answer: Answer) -> Sums:
    assert answer.margin is not None
    total = state.total + answer.margin[:, 0] + problem.pixels.sum((1, 2, 3))
    return replace(state, total=total, done=problem.goal.classes == 3)


def seven() -> tuple[Problem, Sums, Answer]:
    numbers = torch.arange(7.0)
    pixels = numbers.view(7, 1, 1, 1).expand(7, 3, 2, 2) / 12
    state = Sums(pixels, 100 * numbers, torch.zeros(7, dtype=torch.bool))
    answer = Answer(None, 1e4 * numbers[:, None], state.done[:, None], None, None)
    return Problem(pixels, Goal(torch.arange(7))), state, answer


def test_ranges_cover_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "VALUES", 3 * 12)
    assert list(ranges(torch.zeros(7, 3, 2, 2))) == [(0, 3), (3, 6), (6, 7)]
    monkeypatch.setattr(cached, "VALUES", 1)
    assert list(ranges(torch.zeros(2, 3, 2, 2))) == [(0, 1), (1, 2)]


def test_a_few_at_a_time_is_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, state, answer = seven()
    whole = added(problem, state, answer)
    monkeypatch.setattr(cached, "VALUES", 2 * 12)
    parts = few_at_a_time(added, problem, state, answer)
    assert torch.equal(parts.total, whole.total) and torch.equal(parts.done, whole.done)


def test_each_row_takes_its_own_step() -> None:
    problem, state, answer = seven()
    even = torch.arange(7) % 2 == 0

    def zero(problem: Problem, state: Sums, answer: Answer) -> Sums:
        return replace(state, total=torch.zeros_like(state.total))

    both = either(even, added, zero, problem, state, answer)
    whole = added(problem, state, answer)
    assert torch.equal(both.total, torch.where(even, whole.total, 0))
    only = either(torch.ones(7, dtype=torch.bool), added, zero, problem, state, answer)
    assert torch.equal(only.total, whole.total)
