"""How a job tells how far it is: a callback, called with what is done and with all there is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """The callback that reports to nobody."""
