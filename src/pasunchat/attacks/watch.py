"""Watch: how a caller looks on while a search runs, and may end it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pasunchat.attacks.problem import Problem

# The rows asked about as a problem; pixels [N, Q, 3, H, W], as they were asked; logits [N, Q, C].
Heard = Callable[[Problem, Tensor, Tensor], None]


def unheard(problem: Problem, pixels: Tensor, logits: Tensor) -> None:
    """For a search that nobody listens to."""


def never() -> bool:
    """For a search that nobody ends."""
    return False


@dataclass(frozen=True)
class Watch:
    """Both are called in the thread that searches. What is heard is to be left as it is."""

    heard: Heard = unheard  # with each query that an attack makes, and its answer
    stopped: Callable[[], bool] = never  # asked after each; then every row leaves with what it has


ALONE = Watch()
