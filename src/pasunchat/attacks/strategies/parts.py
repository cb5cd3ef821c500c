"""What strategies have in common: what a part found, and the better of two."""

from typing import Any, cast

import torch
from torch import Tensor

from pasunchat.attacks.oracle import Oracle, frozen
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Attack, Facts, KeepsOwn
from pasunchat.attacks.search import Found, some_at_once
from pasunchat.attacks.strategies.off_grid import OffGrid
from pasunchat.attacks.strategies.strategy import find
from pasunchat.attacks.task import Task


def found_by(method: Facts, task: Task) -> Found:
    """As `find`, with what is found comparable: what an attack keeps by a criterion of its own, or
    has seen only before it was rounded, is asked about; and a closest try outside the radius is no
    try."""
    found, problem = find(method, task), task.problem
    rounded = isinstance(method, OffGrid) and problem.levels is not None
    if rounded or isinstance(method, KeepsOwn):
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
