"""What is many searches: values with a `find`, beside the attacks that are one search."""

from abc import ABC, abstractmethod
from functools import reduce
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from pasunchat.attacks.oracle import Oracle, frozen
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Access, Aim, Attack, Facts, KeepsOwn
from pasunchat.attacks.search import Found, search, some_at_once
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


ACCESS: tuple[Access, ...] = ("labels", "scores", "gradients")  # each more than the one before


class OfParts(ABC):
    """The facts (attack.py) that a strategy's parts determine; `about`, `when` and `cost` are its
    own. Facts only: how the parts are run is each strategy's `find`."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Facts, ...]:
        """The attacks it is made of, one or more."""

    @property
    def paper(self) -> str:
        """Where its parts come from."""
        return "; ".join(dict.fromkeys(part.paper for part in self.parts))

    @property
    def needs(self) -> Access:
        """The most that a part needs."""
        return max((part.needs for part in self.parts), key=ACCESS.index)

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms that all parts serve."""
        every = [part.norms for part in self.parts]
        return reduce(lambda some, more: tuple(norm for norm in some if norm in more), every)

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The aims that all parts serve; each serves a radius, by being stopped inside it."""
        every = all("nearest" in part.aims for part in self.parts)
        return ("nearest", "within") if every else ("within",)


def found_by(method: Facts, task: Task) -> Found:
    """As `find`, with what is found comparable: what an attack keeps by a criterion of its own, or
    has seen only before it was rounded, is asked about; and a closest try outside the radius is no
    try."""
    found, problem = find(method, task), task.problem
    if isinstance(method, KeepsOwn):
        oracle = Oracle(task.classifier, cast(Attack[Any], method))
        with frozen(task.classifier):
            for some in some_at_once(task.rows, problem):
                _ask_about(oracle, problem.rows(some), found, some)
    outside = ~problem.within(found.pixels) & found.distance.isinf()
    found.pixels[outside], found.margin[outside] = problem.pixels[outside], -torch.inf
    return found


def _ask_about(oracle: Oracle, problem: Problem, found: Found, rows: Tensor) -> None:
    pixels = problem.snap(found.pixels[rows])
    logits = oracle.logits(pixels)
    reached = problem.goal.reached(logits, SURE) & problem.within(pixels)
    found.pixels[rows] = pixels
    found.distance[rows] = torch.where(reached, problem.distance(pixels), torch.inf)
    found.margin[rows] = problem.goal.margin(logits)
    found.forwards[rows] += 1


def take_better(found: Found, part: Found, rows: Tensor) -> None:
    """Add to `found` what a part found on some rows: the nearest that reached, until there is one
    the closest try; and its queries."""
    nearer = part.distance[rows] < found.distance[rows]
    closer = (part.margin[rows] > found.margin[rows]) & found.distance[rows].isinf()
    taken = rows[(nearer | closer).cpu()]
    found.pixels[taken] = part.pixels[taken]
    found.distance[taken] = part.distance[taken]
    found.margin[taken] = part.margin[taken]
    found.forwards[rows] += part.forwards[rows]
    found.backwards[rows] += part.backwards[rows]
    found.moved[rows] |= part.moved[rows]


def standing(found: Found, rows: Tensor) -> Tensor:
    """Those of the rows that have not reached."""
    return rows[~found.distance[rows].isfinite().cpu()]
