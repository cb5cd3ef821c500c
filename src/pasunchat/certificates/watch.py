"""Watch: a caller hears how much is proved, and may end a proof."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """What is proved until the end counts: a smaller radius is proved as surely as a larger one."""

    # the radius proved so far, and how many bounds that took
    proved: Callable[[float, int], None] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False  # asked before the bounds of each maximum
