"""Several attacks as one: one after the other, several starts, or the best of all."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pasunchat.attacks.find import find
from pasunchat.attacks.protocol import Attack, AttackInfo, Method
from pasunchat.attacks.search import SearchResult, SearchTask, no_result, search
from pasunchat.attacks.strategies.strategy import info_of_parts, take_better


@dataclass(frozen=True)
class Cascade:
    """One attack after the other, each on the rows that none before it has fooled, knowing what
    came nearest before it."""

    attacks: tuple[Method, ...]

    @property
    def info(self) -> AttackInfo:
        """What follows from its attacks."""
        return info_of_parts(
            self.attacks,
            about="one attack after the other, each on what the ones before have not fooled",
            when="to know whether any of several attacks fools",
            cost=_cost(self.attacks),
        )

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        return _in_turn(self.attacks, task, only_active=True)


@dataclass(frozen=True)
class ByMargin:
    """An attack on a goal as it is, by the margin alone, where it would aim at the nearest of many
    classes too."""

    attack: Attack[Any]

    @property
    def info(self) -> AttackInfo:
        """That of the attack."""
        return replace(self.attack.info, by_class=False)

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        return search(self.attack, task)


@dataclass(frozen=True)
class BestOf:
    """All attacks on every row; of each row the nearest result counts."""

    attacks: tuple[Method, ...]

    @property
    def info(self) -> AttackInfo:
        """What follows from its attacks."""
        return info_of_parts(
            self.attacks,
            about="several attacks, and of each photo the nearest result",
            when="for the nearest of several results",
            cost=_cost(self.attacks),
        )

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        return _in_turn(self.attacks, task, only_active=False)


def restarts(attack: Method, count: int) -> Cascade:
    """An attack from `count` starts, each only on what the ones before have not fooled."""
    if count < 1:
        raise ValueError(f"count: expected 1 or more, got {count}")
    return Cascade((attack,) * count)


def _cost(attacks: tuple[Method, ...]) -> str:
    return " + ".join(attack.info.cost for attack in attacks)


def _in_turn(attacks: tuple[Method, ...], task: SearchTask, *, only_active: bool) -> SearchResult:
    """Each attack in its turn; at the deadline none is begun, but the first has its turn anyway."""
    found, rows, total = no_result(task.problem), task.rows, len(task.rows)
    task = replace(task, problem=replace(task.problem, nearest_try=found.pixels))
    for number, attack in enumerate(attacks):
        if not len(rows) or (number and task.is_over()):
            break
        take_better(found, find(attack, task.part(rows, "part", number)), rows)
        if only_active:
            rows = found.active(rows)
        _report(task, rows, total, done=number + 1, parts=len(attacks))
    return found


def _report(task: SearchTask, rows: Tensor, total: int, *, done: int, parts: int) -> None:
    """Report rows that are still searched in proportion to the attacks they have been through."""
    task.progress(total - len(rows) * (parts - done) // parts, total)
