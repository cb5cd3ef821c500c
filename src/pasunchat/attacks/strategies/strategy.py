"""What is many searches: a strategy runs attacks on the same rows and keeps the best of each row.

A strategy has `find` where an attack has its four methods; `find` here runs either.
"""

from functools import reduce
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from pasunchat.attacks.best_so_far import changed_inside
from pasunchat.attacks.norms import batch_view
from pasunchat.attacks.oracle import Oracle, attack_mode
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Access, Attack, AttackInfo, Method
from pasunchat.attacks.search import SearchResult, SearchTask, batches, search

ACCESS: tuple[Access, ...] = ("labels", "scores", "gradients")  # each includes the ones before it


@runtime_checkable
class Strategy(Protocol):
    """A way to run several searches."""

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""


def find(method: Method, task: SearchTask) -> SearchResult:
    """Run an attack or a strategy on the task's rows.

    Results are comparable: what an attack has chosen by a criterion of its own is asked about on
    the grid.
    """
    if isinstance(method, Strategy):
        return method.find(task)
    attack = cast(Attack[Any], method)
    result = search(attack, task)
    if attack.info.own_result:
        oracle = Oracle(task.classifier, attack)
        with attack_mode(task.classifier):
            for rows in batches(task.rows, task.problem):
                _ask_about(oracle, task.problem.rows(rows), result, rows)
    return result


def take_better(found: SearchResult, part: SearchResult, rows: Tensor) -> None:
    """Add to `found` what another search found on some rows: the nearest that reached, until there
    is one the closest try; and its cost."""
    nearer = part.distance[rows] < found.distance[rows]
    closer = (part.margin[rows] > found.margin[rows]) & found.distance[rows].isinf()
    taken = rows[(nearer | closer).cpu()]
    found.pixels[taken] = part.pixels[taken]
    found.distance[taken] = part.distance[taken]
    found.margin[taken] = part.margin[taken]
    found.forwards[rows] += part.forwards[rows]
    found.backwards[rows] += part.backwards[rows]
    found.had_gradient[rows] |= part.had_gradient[rows]


def info_of_parts(
    parts: tuple[Method, ...], *, about: str, when: str, cost: str, nearest: bool | None = None
) -> AttackInfo:
    """What a strategy states: it needs the most that a part needs, and serves the norms that all
    parts serve.

    nearest: whether it searches for the nearest; None: if all parts do. A radius is served by
    every attack, which is stopped inside it.
    """
    infos = [part.info for part in parts]
    if nearest is None:
        nearest = all("nearest" in info.aims for info in infos)
    return AttackInfo(
        about=about,
        paper="; ".join(dict.fromkeys(info.paper for info in infos)),
        norms=reduce(_both, (info.norms for info in infos)),
        any_norm=all(info.any_norm for info in infos),
        when=when,
        cost=cost,
        needs=max((info.needs for info in infos), key=ACCESS.index),
        aims=("nearest", "within") if nearest else ("within",),
    )


def _both(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(norm for norm in some if norm in more)


def _ask_about(oracle: Oracle, problem: Problem, result: SearchResult, rows: Tensor) -> None:
    chosen = result.pixels[rows]
    pixels = problem.snap(chosen)
    if problem.radius is not None:
        keeps_to_it = problem.within(chosen) & (pixels != problem.pixels).flatten(1).any(1)
        inside = changed_inside(problem, problem.usable_radius(), chosen)
        pixels = torch.where(batch_view(keeps_to_it), pixels, inside)
    logits = oracle.logits(pixels)
    reached = problem.goal.reached(logits, SURE) & problem.within(pixels)
    result.pixels[rows] = pixels
    result.distance[rows] = torch.where(reached, problem.distance(pixels), torch.inf)
    result.margin[rows] = problem.goal.margin(logits)
    result.forwards[rows] += 1
