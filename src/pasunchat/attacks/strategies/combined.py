"""Several attacks as one: one after the other, several starts, or the best of all."""

from dataclasses import dataclass

from torch import Tensor

from pasunchat.attacks.attack import Access, Aim, Facts
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.search import Found, nothing_found, over
from pasunchat.attacks.strategies.parts import (
    aims_of,
    found_by,
    keys_for,
    needs_of,
    norms_of,
    standing,
    take_better,
)
from pasunchat.classifiers.classifier import Classifier
from pasunchat.progress import Progress, silent


@dataclass(frozen=True)
class Cascade:
    """attacks: the first on every row, each of the others on the rows that still stand."""

    attacks: tuple[Facts, ...]

    @property
    def about(self) -> str:
        """What it does."""
        return "one attack after the other, the next on what still stands"

    @property
    def paper(self) -> str:
        """Where its parts come from."""
        return "; ".join(dict.fromkeys(attack.paper for attack in self.attacks))

    @property
    def needs(self) -> Access:
        """The most that a part needs."""
        return needs_of(self.attacks)

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms that all parts serve."""
        return norms_of(self.attacks)

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The aims that all parts serve."""
        return aims_of(self.attacks)

    @property
    def when(self) -> str:
        """What to take it for."""
        return "whether any of several attacks fools"

    @property
    def cost(self) -> str:
        """What its parts cost together."""
        return " + ".join(attack.cost for attack in self.attacks)

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
        found, left = nothing_found(problem), rows
        for number, attack in enumerate(self.attacks):
            if not len(left) or (number and over(until)):
                break
            own = keys_for(keys, "part", number)
            take_better(found, found_by(classifier, problem, attack, own, left, until), left)
            left = standing(found, left)
            progress(len(rows) - len(left), len(rows))
        return found


def restarts(attack: Facts, count: int) -> Cascade:
    """An attack from so many starts, the next only on what still stands."""
    if count < 1:
        raise ValueError(f"count: expected 1 or more, got {count}")
    return Cascade((attack,) * count)


@dataclass(frozen=True)
class BestOf:
    """attacks: all of them on every row; of each row the nearest is kept."""

    attacks: tuple[Facts, ...]

    @property
    def about(self) -> str:
        """What it does."""
        return "several attacks, and of each photo the nearest"

    @property
    def paper(self) -> str:
        """Where its parts come from."""
        return "; ".join(dict.fromkeys(attack.paper for attack in self.attacks))

    @property
    def needs(self) -> Access:
        """The most that a part needs."""
        return needs_of(self.attacks)

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms that all parts serve."""
        return norms_of(self.attacks)

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The aims that all parts serve."""
        return aims_of(self.attacks)

    @property
    def when(self) -> str:
        """What to take it for."""
        return "the nearest of several answers"

    @property
    def cost(self) -> str:
        """What its parts cost together."""
        return " + ".join(attack.cost for attack in self.attacks)

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
        found = nothing_found(problem)
        for number, attack in enumerate(self.attacks):
            if number and over(until):
                break
            own = keys_for(keys, "part", number)
            take_better(found, found_by(classifier, problem, attack, own, rows, until), rows)
            progress((number + 1) * len(rows) // len(self.attacks), len(rows))
        return found
