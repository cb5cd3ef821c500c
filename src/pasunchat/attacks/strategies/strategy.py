"""What is many searches: values with a `find`, beside the attacks that are one search."""

from typing import Any, Protocol, cast, runtime_checkable

from torch import Tensor

from pasunchat.attacks.attack import Attack, Facts
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.search import Found, search
from pasunchat.classifiers.classifier import Classifier
from pasunchat.progress import Progress, silent


@runtime_checkable
class Strategy(Protocol):
    """A way to run several searches on the same rows and keep the best of each row."""

    def find(
        self,
        classifier: Classifier,
        problem: Problem,
        keys: Tensor,
        rows: Tensor,
        progress: Progress = silent,
        until: float | None = None,
    ) -> Found:
        """As `search`."""


def find(
    classifier: Classifier,
    problem: Problem,
    method: Facts,
    keys: Tensor,
    rows: Tensor,
    progress: Progress = silent,
    until: float | None = None,
) -> Found:
    """Run an attack or a strategy on some rows of the problem; see `search`."""
    if isinstance(method, Strategy):
        return method.find(classifier, problem, keys, rows, progress, until)
    attack = cast(Attack[Any], method)
    return search(classifier, problem, attack, keys, rows, progress, until)
