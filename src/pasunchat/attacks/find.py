"""find: an attack or a strategy, run on the rows of a task. Everything that searches calls it.

Which attacks leave one of many classes by aiming at the nearest of the others is decided here, so
that neither they nor their callers need to know.
"""

from typing import Any, Protocol, cast, runtime_checkable

from pasunchat.attacks.protocol import Attack, HasEffort, Method
from pasunchat.attacks.search import SearchResult, SearchTask, search
from pasunchat.attacks.strategies.by_class import find_by_class, has_many_classes


@runtime_checkable
class Strategy(Protocol):
    """Many searches: a value that runs attacks on the same rows and keeps the best of each row."""

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""


def find(method: Method, task: SearchTask) -> SearchResult:
    """Run an attack or a strategy on the task's rows."""
    if method.info.by_class and isinstance(method, HasEffort) and has_many_classes(task):
        return find_by_class(method, task, _find_whole)
    return _find_whole(method, task)


def _find_whole(method: Method, task: SearchTask) -> SearchResult:
    """The goal as it is, without a class to follow."""
    if isinstance(method, Strategy):
        return method.find(task)
    return search(cast(Attack[Any], method), task)
