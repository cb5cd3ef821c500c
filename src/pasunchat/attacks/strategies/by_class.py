"""Leaving one of many classes by aiming at the nearest of the others.

The margin of a goal to leave a class follows, at each moment, the class that is likeliest then: a
search ends at the class that looked nearest on its way, which need not be the nearest. So each
other class that may be the nearest (ranking.py) is searched quickly, by the margin that it alone
has, then those that came out nearest are searched as the effort says. All classes of all rows are
searched side by side.

Inside a radius, where any class will do, the margin comes first as it is, and the classes, the
nearest first, are aimed at for the rows that it does not fool.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.protocol import Effort, HasEffort, Method
from pasunchat.attacks.search import SearchResult, SearchTask, batches, no_result
from pasunchat.attacks.strategies.ranking import Ranking, nearest_first
from pasunchat.attacks.strategies.strategy import take_better
from pasunchat.draws import keys_for
from pasunchat.norms import ROUNDING, row_norms
from pasunchat.progress import silent

Search = Callable[[Method, SearchTask], SearchResult]


class Tries(NamedTuple):
    """How many classes an effort tries."""

    # Searched quickly: those up to this many times as far as the nearest, in first order. Of 111
    # photos of three networks, the class that was nearest in the end lay up to 1.7 times as far.
    reach: float
    whole: int  # searched as the effort says, those that came out nearest
    within: int  # searched inside a radius, the nearest in first order


TRIES: Mapping[Effort, Tries] = {
    "quick": Tries(1.0, 1, 1),
    "normal": Tries(2.0, 1, 2),
    "thorough": Tries(inf, 4, 4),
}


class Pairs(NamedTuple):
    """Rows and the classes that each is led to."""

    rows: Tensor  # int64 [P], of the problem
    numbers: Tensor  # int64 [P]: places in the ranking


def has_many_classes(task: SearchTask) -> bool:
    """Whether the goal is to leave one of three or more classes, and follows none yet."""
    goal = task.problem.goal
    if goal.targeted or goal.toward is not None or not len(task.rows):
        return False
    return task.class_count() > 2


def find_by_class(method: HasEffort, task: SearchTask, search: Search) -> SearchResult:
    """The nearest that a method finds by way of any class. search: runs it on one goal."""
    if task.problem.radius is not None:
        return _within(method, task, search)
    found, done = no_result(task.problem), 0
    for rows in batches(task.rows, task.problem):
        _nearest(method, replace(task, rows=rows, progress=silent), search, found)
        done += len(rows)
        task.progress(done, len(task.rows))
    return found


def _nearest(method: HasEffort, task: SearchTask, search: Search, found: SearchResult) -> None:
    tries, ranking = TRIES[method.effort], nearest_first(task)
    ranking.count_in(found)
    away = _candidates(ranking.distances, tries.reach)
    if method.effort != "quick" and not task.is_over():
        some = torch.isfinite(away[task.rows]).sum(1) > 1
        pairs = _pairs(task.rows[some.cpu()], away, away.shape[1])
        quick = replace(method, effort="quick")  # type: ignore[type-var]
        screened = _searched(quick, task, search, ranking, pairs, found)
        away[pairs.rows, pairs.numbers] = screened
    pairs = _pairs(task.rows, away, tries.whole)
    _searched(method, task, search, ranking, pairs, found)


def _candidates(distances: Tensor, reach: float) -> Tensor:
    """The first-order distances, [N, K], infinite for classes that lie beyond `reach` times the
    nearest. One that is not known, 0, stands just behind the nearest: it is no reason to leave that
    class out, nor to try it first."""
    nearest = torch.where(distances > 0, distances, inf).amin(1, keepdim=True)
    behind = torch.where(nearest.isfinite(), nearest * (1 + ROUNDING), 0)
    away = torch.where(distances > 0, distances, behind)
    return torch.where(away > reach * (1 + 2 * ROUNDING) * nearest, inf, away)


def _pairs(rows: Tensor, away: Tensor, most: int) -> Pairs:
    """Each of some rows with the `most` nearest of its classes, the nearest of all rows first; one
    that is infinitely far only as the first. away: [N, K]."""
    order = away[rows].sort(dim=1, stable=True)
    numbers = order.indices[:, :most]
    kept = order.values[:, :most].isfinite()
    kept[:, :1] = True
    place, row = torch.nonzero(kept.T, as_tuple=True)
    return Pairs(rows[row.cpu()], numbers[row, place].cpu())


def _searched(
    method: Method,
    task: SearchTask,
    search: Search,
    ranking: Ranking,
    pairs: Pairs,
    found: SearchResult,
) -> Tensor:
    """Search pairs side by side and add what is nearer to `found`; how far each went, [P]."""
    rows, numbers = pairs
    goal = replace(task.problem.goal.rows(rows), toward=ranking.classes[rows, numbers])
    problem, keys = replace(task.problem.rows(rows), goal=goal), task.keys[rows].clone()
    part = replace(task, problem=problem, keys=keys, rows=torch.arange(len(rows)))
    each = {
        number: torch.nonzero(numbers == number).squeeze(1)
        for number in sorted(set(numbers.tolist()))
    }
    for number, places in each.items():
        keys[places] = keys_for(keys[places], "class", number)
    result = search(method, part)
    away = _away(result, problem.pixels)
    for places in each.values():
        nearer = away[places] < _away(found, task.problem.pixels)[rows[places]]
        take_better(found, result, rows[places], places=places, nearer=nearer)
    return away


def _away(found: SearchResult, photos: Tensor) -> Tensor:
    """The distances, [N], longer by up to a rounding the larger the change is in L2: many changes
    are equally far in LINF on a grid, or in a norm that counts."""
    size = row_norms(found.pixels - photos)
    return found.distance * (1 + ROUNDING * size / (1 + size))


def _within(method: HasEffort, task: SearchTask, search: Search) -> SearchResult:
    """As `find_by_class`, inside a radius."""
    found = search(method, replace(task, progress=silent))
    rows, tries = found.active(task.rows), TRIES[method.effort]
    task.report(rows)
    if not len(rows) or task.is_over():
        return found
    ranking = nearest_first(replace(task, rows=rows))
    ranking.count_in(found)
    order = _candidates(ranking.distances, inf).sort(dim=1, stable=True).indices.cpu()
    for numbers in order[:, : tries.within].unbind(1):
        pairs = Pairs(rows, numbers[rows])
        _searched(method, replace(task, progress=silent), search, ranking, pairs, found)
        rows = found.active(rows)
        task.report(rows)
        if not len(rows) or task.is_over():
            break
    return found
