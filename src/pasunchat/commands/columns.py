"""What progress bars are made of: Rich's columns, and two of our own."""

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pasunchat.words import duration


class Rate(ProgressColumn):
    """How many of `unit` are done a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {self.unit}/s" if speed else "")


class TimeLeft(ProgressColumn):
    """The time until the task's field `end`, a value of time.monotonic() or None."""

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        left = 0.0 if end is None else end - time.monotonic()
        return Text(f"{duration(left)} left" if left >= 1 else "")


def counting_bar(unit: str) -> Progress:
    """A bar with how many are done, how many of `unit` a second, and the time left."""
    title = TextColumn("{task.description}")
    return _bar(title, BarColumn(), MofNCompleteColumn(), Rate(unit), TimeRemainingColumn())


def photo_bar(doing: str, told: str, *more: ProgressColumn) -> Progress:
    """A bar with how many photos are done. told: what stands beside it, with the task's fields."""
    return _bar(TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(told), *more)


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
