"""What strategies have in common: keys for a part, what a part found, and the better of two."""

from functools import reduce
from typing import Any, cast

import torch
from torch import Tensor

from pasunchat.attacks.attack import Access, Aim, Attack, Facts, KeepsOwn
from pasunchat.attacks.oracle import Oracle, frozen
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.search import ROWS_AT_ONCE, Found
from pasunchat.attacks.strategies.strategy import find
from pasunchat.classifiers.classifier import Classifier
from pasunchat.progress import silent
from pasunchat.runtime import seed_from


def keys_for(keys: Tensor, *part: object) -> Tensor:
    """Other keys, int64 [N], for a part of a strategy; each a function of the row's key alone."""
    return torch.tensor([seed_from(key, *part) for key in keys.tolist()], dtype=torch.int64)


def found_by(
    classifier: Classifier,
    problem: Problem,
    method: Facts,
    keys: Tensor,
    rows: Tensor,
    until: float | None = None,
) -> Found:
    """As `find`, with what is found comparable: what an attack keeps by a criterion of its own is
    asked about, and a closest try outside the radius is no try."""
    found = find(classifier, problem, method, keys, rows, silent, until)
    if isinstance(method, KeepsOwn):
        oracle = Oracle(classifier, cast(Attack[Any], method))
        with frozen(classifier):
            for some in torch.split(rows, ROWS_AT_ONCE):
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


def needs_of(methods: tuple[Facts, ...]) -> Access:
    """The most that any of them needs."""
    order: tuple[Access, ...] = ("labels", "scores", "gradients")
    return max((method.needs for method in methods), key=order.index)


def norms_of(methods: tuple[Facts, ...]) -> tuple[str, ...]:
    """The norms that all of them serve."""
    every = [method.norms for method in methods]
    return reduce(lambda some, more: tuple(norm for norm in some if norm in more), every)


def aims_of(methods: tuple[Facts, ...]) -> tuple[Aim, ...]:
    """The aims that all of them serve; each serves a radius, by being stopped inside it."""
    every = all("nearest" in method.aims for method in methods)
    return ("nearest", "within") if every else ("within",)
