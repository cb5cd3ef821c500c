import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.attacks.losses import log_probability
from pasunchat.attacks.problem import Goal, Problem

LOGITS = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, -1.0]])


def test_margins_of_reaching_and_leaving() -> None:
    classes = torch.tensor([2, 0])
    assert Goal(classes).margin(LOGITS).tolist() == [-1.0, 5.0]
    assert Goal(classes, reach=False).margin(LOGITS).tolist() == [1.0, -5.0]
    assert Goal(classes).reached(LOGITS).tolist() == [False, True]


def test_a_tie_is_not_reached() -> None:
    tied = torch.tensor([[1.0, 1.0]])
    for reach in (True, False):
        assert not Goal(torch.tensor([0]), reach).reached(tied).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6), st.data())
def test_reached_is_what_argmax_says(row: list[float], data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(row) - 1))
    logits, classes = torch.tensor([row], dtype=torch.float64), torch.tensor([label])
    clear = logits.topk(2).values.diff().abs().item() > 1e-5
    if clear:
        answer = logits.argmax(1).item()
        assert Goal(classes).reached(logits).item() == (answer == label)
        assert Goal(classes, reach=False).reached(logits).item() == (answer != label)


def test_losses_grow_toward_the_goal() -> None:
    classes = torch.tensor([2, 0])
    nearer = LOGITS.clone()
    nearer[0, 2], nearer[1, 0] = 2.5, 6.0
    assert (log_probability(nearer, Goal(classes)) > log_probability(LOGITS, Goal(classes))).all()
    leave = Goal(classes, reach=False)
    assert (log_probability(nearer, leave) < log_probability(LOGITS, leave)).all()
    expected = LOGITS.softmax(1).gather(1, classes[:, None]).log().squeeze(1)
    assert torch.allclose(log_probability(LOGITS, Goal(classes)), expected)


def test_snapping_finds_the_nearest_of_256_levels() -> None:
    problem = Problem(torch.zeros(1, 3, 1, 1), Goal(torch.tensor([0])))
    snapped = problem.snap(torch.tensor([0.0, 7.49, 7.51, 255.0]) / 255)
    assert (snapped * 255).tolist() == pytest.approx([0, 7, 8, 255])
    assert torch.equal(problem.snap(snapped), snapped)


def test_without_levels_nothing_is_snapped() -> None:
    pixels = torch.rand(1, 3, 2, 2)
    assert torch.equal(Problem(pixels, Goal(torch.tensor([0])), levels=None).snap(pixels), pixels)


def test_rows_of_a_problem_go_together() -> None:
    problem = Problem(torch.rand(3, 3, 2, 2), Goal(torch.tensor([0, 1, 2])))
    part = problem.rows(torch.tensor([2, 0]))
    assert torch.equal(part.pixels, problem.pixels[[2, 0]])
    assert part.goal.classes.tolist() == [2, 0]
