import pytest
import torch

from pasunchat.attacks.methods.common import boxed, falling, farthest
from pasunchat.attacks.problem import Goal, Problem


def test_falls_from_first_to_last_by_a_cosine() -> None:
    clock = torch.tensor([0, 5, 10])
    assert falling(1.0, 0.2, clock, 10, torch.zeros(1)).tolist() == pytest.approx([1.0, 0.6, 0.2])


def test_a_change_is_cut_at_both_ends_and_the_farthest_is_inside() -> None:
    pixels = torch.tensor([0.0, 0.3, 1.0]).view(1, 3, 1, 1)
    problem = Problem(pixels, Goal(torch.tensor([0])))
    cut = boxed(problem, torch.tensor([-1.0, 1.0, 0.5]).view(1, 3, 1, 1))
    assert cut.flatten().tolist() == pytest.approx([0.0, 0.7, 0.0])
    assert farthest(problem).flatten().tolist() == pytest.approx([1.0, 0.7, 1.0])
