"""The best of all queries so far: the nearest that reaches, and until there is one the closest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.attacks.oracle import Oracle
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Answer, Ask


@dataclass
class Best:
    """Rows first. pixels: [N, 3, H, W], on the grid. distance: [N], infinite until the row
    reaches. margin: [N], of the closest try until then. extra: int64 [N], queries that had to be
    asked again on the grid."""

    pixels: Tensor
    distance: Tensor
    margin: Tensor
    extra: Tensor

    @property
    def reached(self) -> Tensor:
        """bool [N]."""
        return self.distance.isfinite()

    def rows(self, index: Tensor) -> "Best":
        """The best of some rows."""
        return Best(self.pixels[index], self.distance[index], self.margin[index], self.extra[index])


def nothing_yet(problem: Problem) -> Best:
    """Before the first query: the photo itself, infinitely far from the goal."""
    none = torch.full((len(problem.pixels),), torch.inf, device=problem.pixels.device)
    return Best(problem.pixels.clone(), none, -none, torch.zeros_like(none, dtype=torch.int64))


def keep_best(best: Best, oracle: Oracle, problem: Problem, ask: Ask, answer: Answer) -> None:
    """Take what is better than `best` of the queries just answered.

    A query counts by its pixels on the grid: where they are not the ones asked, and would be
    nearer than the best, they are asked again.
    """
    _keep_nearest(best, oracle, problem, ask, answer.reached)
    if answer.margin is not None:
        _keep_closest(best, problem, ask, answer.margin)


def _keep_nearest(best: Best, oracle: Oracle, problem: Problem, ask: Ask, reached: Tensor) -> None:
    rows: Tensor | slice = slice(None)
    if _must_wait(ask):
        asked, nearer = ask.pixels[:, 0], reached[:, 0]
    else:
        rows, query = torch.nonzero(reached).unbind(1)
        asked, nearer = ask.pixels[rows, query], torch.ones_like(query, dtype=torch.bool)
    if not len(asked):
        return
    some = problem.rows(rows)
    snapped = asked if ask.on_grid else some.snap(asked)
    distance = some.distance(snapped)
    nearer = nearer & (distance < best.distance[rows])
    if some.radius is not None:
        nearer &= some.close_enough(distance)
    if isinstance(rows, Tensor) and reached.shape[1] > 1:
        nearer &= _nearest_of_its_row(rows, distance, nearer)
    if snapped is not asked:
        nearer = _still_reached(best, oracle, some, rows, nearer, snapped, asked)
    _put(best.pixels, rows, nearer, snapped)
    _put(best.distance, rows, nearer, distance)


def _must_wait(ask: Ask) -> bool:
    """Whether to know which rows are concerned would make the host wait for a device; then all
    rows are worked on, if each has one query."""
    return ask.pixels.device.type != "cpu" and ask.pixels.shape[1] == 1


def _put(into: Tensor, rows: Tensor | slice, which: Tensor, values: Tensor) -> None:
    """Write the values of `which`, bool [M], into their rows, [M] of [N]."""
    if isinstance(rows, Tensor):
        chosen = torch.nonzero(which).squeeze(1)
        into[rows[chosen]] = values[chosen]
    else:
        mask = which.view(-1, *[1] * (into.ndim - 1))
        torch.where(mask, values, into, out=into)


def _nearest_of_its_row(rows: Tensor, distance: Tensor, nearer: Tensor) -> Tensor:
    """bool: the first of the smallest distances among a row's hits."""
    far = torch.where(nearer, distance, torch.inf)
    order = torch.argsort(far, stable=True)
    order = order[torch.argsort(rows[order], stable=True)]
    chosen = torch.zeros_like(nearer)
    chosen[order] = torch.cat([rows.new_ones(1, dtype=torch.bool), rows[order].diff() != 0])
    return chosen


def _still_reached(
    best: Best,
    oracle: Oracle,
    problem: Problem,
    rows: Tensor | slice,
    nearer: Tensor,
    snapped: Tensor,
    asked: Tensor,
) -> Tensor:
    """bool: the nearer of these whose pixels on the grid reach too, asked where they are
    others."""
    first = torch.nonzero(nearer).squeeze(1)
    other = first[(snapped[first] != asked[first]).flatten(1).any(1)]
    if len(other):
        logits = oracle.logits(snapped[other])
        nearer[other] = problem.goal.rows(other).reached(logits, SURE)
        best.extra[rows[other] if isinstance(rows, Tensor) else other] += 1
    return nearer


def _keep_closest(best: Best, problem: Problem, ask: Ask, margin: Tensor) -> None:
    """For rows that never reached: the query with the largest margin, but never the photo."""
    closest, query = margin.max(1)
    better = ~best.reached & (closest > best.margin)
    rows: Tensor | slice = slice(None)
    if _must_wait(ask):
        asked = ask.pixels[:, 0]
    else:
        rows = torch.nonzero(better).squeeze(1)
        asked = ask.pixels[rows, query[rows]]
    if not len(asked):
        return
    some = problem.rows(rows)
    snapped = asked if ask.on_grid else some.snap(asked)
    changed = better[rows] & (snapped != some.pixels).flatten(1).any(1)
    _put(best.margin, rows, changed, closest[rows])
    _put(best.pixels, rows, changed, snapped)
