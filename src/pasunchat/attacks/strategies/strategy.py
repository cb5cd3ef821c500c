"""What is many searches: values with a `find`, beside the attacks that are one search."""

from typing import Any, Protocol, cast, runtime_checkable

from pasunchat.attacks.protocol import Attack, Facts
from pasunchat.attacks.search import Found, search
from pasunchat.attacks.task import Task


@runtime_checkable
class Strategy(Protocol):
    """A way to run several searches on the same rows and keep the best of each row."""

    def find(self, task: Task) -> Found:
        """As `search`."""


def find(method: Facts, task: Task) -> Found:
    """Run an attack or a strategy on the task's rows; see `search`."""
    if isinstance(method, Strategy):
        return method.find(task)
    return search(cast(Attack[Any], method), task)
