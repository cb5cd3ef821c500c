"""Several attacks as one: one after the other, several starts, or the best of all."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from pasunchat.attacks.protocol import Facts
from pasunchat.attacks.search import Found, nothing_found
from pasunchat.attacks.strategies.strategy import OfParts, found_by, standing, take_better
from pasunchat.attacks.task import Task


@dataclass(frozen=True)
class Order:
    """Which rows the next attack is run on. rows: (found so far, the rows of the last attack) ->
    those of the next. about, when: as an attack's."""

    about: str
    when: str
    rows: Callable[[Found, Tensor], Tensor] = field(repr=False)


def _the_same(found: Found, rows: Tensor) -> Tensor:
    del found
    return rows


CASCADE = Order(
    "one attack after the other, the next on what still stands",
    "whether any of several attacks fools",
    standing,
)
ALL = Order(
    "several attacks, and of each photo the nearest",
    "the nearest of several answers",
    _the_same,
)


@dataclass(frozen=True)
class Combined(OfParts):
    """attacks: one after the other, of each row the best. order: the rows of each."""

    attacks: tuple[Facts, ...]
    order: Order

    @property
    def parts(self) -> tuple[Facts, ...]:
        """The attacks."""
        return self.attacks

    @property
    def about(self) -> str:
        """What it does."""
        return self.order.about

    @property
    def when(self) -> str:
        """What to take it for."""
        return self.order.when

    @property
    def cost(self) -> str:
        """What its parts cost together."""
        return " + ".join(attack.cost for attack in self.attacks)

    def find(self, task: Task) -> Found:
        """As `search`."""
        found, left, total = nothing_found(task.problem), task.rows, len(task.rows)
        for number, attack in enumerate(self.attacks):
            if task.ends_before(number, left):
                break
            take_better(found, found_by(attack, task.part(left, "part", number)), left)
            left = self.order.rows(found, left)
            to_come = len(self.attacks) - number - 1
            task.progress(total - len(left) * to_come // len(self.attacks), total)
        return found


def cascade(attacks: tuple[Facts, ...]) -> Combined:
    """The first attack on every row, each of the others on the rows that still stand."""
    return Combined(attacks, CASCADE)


def best_of(attacks: tuple[Facts, ...]) -> Combined:
    """All attacks on every row; of each row the nearest is kept."""
    return Combined(attacks, ALL)


def restarts(attack: Facts, count: int) -> Combined:
    """An attack from so many starts, the next only on what still stands."""
    if count < 1:
        raise ValueError(f"count: expected 1 or more, got {count}")
    return cascade((attack,) * count)
