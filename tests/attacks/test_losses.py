"""What a goal to leave a class asks of each other class, by hand."""

from math import log

import pytest
import torch

from pasunchat.attacks.losses import likeliest_others
from pasunchat.attacks.problem import Goal

LOGITS = torch.tensor([[3.0, 1.0, 2.0, -1.0]])


def leave(chosen: int, confidence: float | None = None) -> Goal:
    return Goal(torch.tensor([chosen]), targeted=False, confidence=confidence)


def test_the_likeliest_others_leave_out_the_class_to_leave() -> None:
    assert likeliest_others(LOGITS, leave(0), 9).tolist() == [[2, 1, 3]]
    assert likeliest_others(LOGITS, leave(1), 2).tolist() == [[0, 2]]


def test_the_margins_of_classes_by_hand() -> None:
    assert leave(0).class_margins(LOGITS, torch.tensor([[2, 1, 3]])).tolist() == [[-1, -2, -4]]
    assert leave(1).class_margins(LOGITS, torch.tensor([[0, 2]])).tolist() == [[2.0, 1.0]]
    expected = 2 - float(torch.tensor([3.0, 1.0, -1.0]).logsumexp(0)) - log(9)
    found = leave(0, 0.9).class_margins(LOGITS, torch.tensor([[2]]))
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize("confidence", [None, 0.7])
def test_the_largest_of_them_is_the_goal_s_own_margin(confidence: float | None) -> None:
    logits = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)) * 3
    goal = Goal(torch.arange(20) % 5, targeted=False, confidence=confidence)
    each = goal.class_margins(logits, likeliest_others(logits, goal, 4))
    assert torch.allclose(each.amax(1), goal.margin(logits))
    assert torch.equal(each.argmax(1), torch.zeros(20).long())
