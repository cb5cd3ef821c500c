"""The box that pixels live in, [0, 1], seen from a photo."""

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem


def inside(problem: Problem, change: Tensor) -> Tensor:
    """The change [N, 3, H, W], cut so that the photo plus it stays in [0, 1]."""
    return (problem.pixels + change).clamp_(0, 1).sub_(problem.pixels)


def farthest(problem: Problem) -> Tensor:
    """The largest change there is, [N, 3, H, W]: every value to the end that is farther."""
    return torch.maximum(problem.pixels, 1 - problem.pixels)
