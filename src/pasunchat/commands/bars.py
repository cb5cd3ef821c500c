"""Progress bars on stderr, for the commands; nothing is shown where stderr is no terminal.

Each is a context manager that yields the callback to hand to a job, and is gone when it ends.
Rich, which draws them (columns.py), is imported by the first of them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pasunchat.words import count, duration

if TYPE_CHECKING:
    from pasunchat.measures.attack_block import SplitProgress

LONG = 10.0  # seconds: an attack that takes longer is announced
FIRST, USUAL = 3, 50  # steps that say how long a search takes; those of one that ends by itself
MINUTE = 60.0  # seconds: a search that takes longer is announced


@contextmanager
def progress_bar(title: str, unit: str = "photos") -> Iterator[Callable[[int, int], None]]:
    """A bar with the rate in `unit` and the time left; yields a callback (done, total)."""
    from pasunchat.commands.columns import counting_bar

    with counting_bar(unit) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def epoch_bar(unit: str = "photos") -> Iterator[Callable[[str, int, int], None]]:
    """A bar that starts again whenever its title changes; yields (title, done, total)."""
    from pasunchat.commands.columns import counting_bar

    with counting_bar(unit) as bar:
        task = bar.add_task("", total=None)
        shown = ""

        def show(title: str, done: int, total: int) -> None:
            nonlocal shown
            if title != shown:
                shown = title
                bar.reset(task, description=title, total=total)
            bar.update(task, completed=done)

        yield show


@contextmanager
def attack_bar() -> "Iterator[Callable[[SplitProgress], None]]":
    """A bar with the photos done, those fooled, and the time left as the attack estimates it.

    If that is more than LONG seconds, the first estimate is also written as a line, terminal or
    not.
    """
    from pasunchat.commands.columns import TimeLeft, photo_bar

    estimated = False
    with photo_bar("attacking", "{task.fields[fooled]} fooled", TimeLeft()) as bar:
        task = bar.add_task("", total=None, fooled=0, end=None)

        def show(at: "SplitProgress") -> None:
            nonlocal estimated
            seconds = at.seconds_left
            if seconds is not None and not estimated:
                estimated = True
                if seconds >= LONG:
                    others = count(at.photos - at.done, "more photo")
                    bar.console.print(f"{others}: about {duration(seconds)}", highlight=False)
            end = None if seconds is None else time.monotonic() + seconds
            bar.update(task, completed=at.done, total=at.photos, fooled=at.fooled, end=end)

        yield show


class Fooling(NamedTuple):
    """The callbacks of `fool_bar`: for photos done, and for the steps of the search at work."""

    photos: Callable[[int, int], None]
    steps: Callable[[int, int], None]


@contextmanager
def fool_bar() -> Iterator[Fooling]:
    """A bar with the photos done and the steps of the search at work.

    If one search alone will take more than MINUTE, as its first FIRST steps show, that is also
    written as a line, terminal or not.
    """
    from pasunchat.commands.columns import photo_bar

    begun, noted = 0.0, False
    with photo_bar("fooling", "{task.fields[step]}") as bar:
        task = bar.add_task("", total=None, step="")

        def photos(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, step="")

        def steps(done: int, total: int) -> None:
            nonlocal begun, noted
            now = time.monotonic()
            if done == 0:
                begun = now
            bar.update(task, step=f"step {done} of {total}" if total else f"step {done}")
            estimate = (now - begun) / FIRST * (total or USUAL)
            if done == FIRST and estimate > MINUTE and not noted:
                noted = True
                bar.console.print(
                    f"note: this takes some {duration(estimate)} a search; --effort quick is "
                    "faster, --seconds 30 stops after that time",
                    highlight=False,
                    soft_wrap=True,
                )

        yield Fooling(photos, steps)
