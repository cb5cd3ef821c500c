"""A task: what a search is given, and how a strategy hands on a part of it."""

from dataclasses import dataclass, replace
from time import monotonic

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.classifiers.classifier import Classifier
from pasunchat.progress import Progress, silent
from pasunchat.runtime import seed_from


@dataclass(frozen=True)
class Task:
    """Some rows of a problem to be searched; the others stay as they are.

    keys: int64 [N], one seed a row of the problem. rows: int64 [M]. progress: (rows done, M).
    until: the moment of `time.monotonic` at which every row leaves with what it has.
    """

    classifier: Classifier
    problem: Problem
    keys: Tensor
    rows: Tensor
    progress: Progress = silent
    until: float | None = None

    def over(self) -> bool:
        """Whether the moment has come at which it is to end."""
        return self.until is not None and monotonic() > self.until

    def ends_before(self, part: int, left: Tensor) -> bool:
        """Whether a part, counted from 0, is not begun: no row is left for it, or time is over;
        the first has its turn anyway."""
        return not len(left) or (part > 0 and self.over())

    def tell(self, left: Tensor) -> None:
        """Tell the progress: all rows but those that are left."""
        self.progress(len(self.rows) - len(left), len(self.rows))

    def part(self, rows: Tensor, *name: object) -> "Task":
        """A part of it on some of its rows, with keys of its own; its progress is told nobody."""
        return replace(self, rows=rows, keys=keys_for(self.keys, *name), progress=silent)


def keys_for(keys: Tensor, *part: object) -> Tensor:
    """Other keys, int64 [N], for a part of a task; each a function of the row's key alone."""
    return torch.tensor([seed_from(key, *part) for key in keys.tolist()], dtype=torch.int64)
