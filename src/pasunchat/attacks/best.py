"""The best of all queries so far: the nearest that reaches, and until there is one the closest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.attacks.attack import Answer, Ask
from pasunchat.attacks.oracle import Oracle
from pasunchat.attacks.problem import SURE, Problem


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
    hits = torch.nonzero(answer.reached)
    if len(hits):
        _keep_nearest(best, oracle, problem, ask, hits)
    if answer.margin is not None:
        _keep_closest(best, problem, ask, answer.margin)


def _keep_nearest(best: Best, oracle: Oracle, problem: Problem, ask: Ask, hits: Tensor) -> None:
    rows, asked = hits[:, 0], ask.pixels[hits[:, 0], hits[:, 1]]
    some = problem.rows(rows)
    snapped = asked if ask.on_grid else some.snap(asked)
    distance = some.distance(snapped)
    nearer = distance < best.distance[rows]
    if some.radius is not None:
        nearer &= some.close_enough(distance)
    if hits.shape[0] > 1 and ask.pixels.shape[1] > 1:
        nearer &= _nearest_of_its_row(rows, distance, nearer)
    first = torch.nonzero(nearer).squeeze(1)
    if snapped is not asked:
        still = _still_reached(best, oracle, some, rows, first, snapped, asked)
        first = first[still]
    if len(first):
        rows = rows[first]
        best.pixels[rows], best.distance[rows] = snapped[first], distance[first]


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
    rows: Tensor,
    first: Tensor,
    snapped: Tensor,
    asked: Tensor,
) -> Tensor:
    """bool, of the `first` hits: whether the pixels on the grid reach too, asked where they are
    others."""
    moved = (snapped[first] != asked[first]).flatten(1).any(1)
    still = torch.ones_like(moved)
    other = first[moved]
    if len(other):
        logits = oracle.logits(snapped[other])
        still[moved] = problem.goal.rows(other).reached(logits, SURE)
        best.extra[rows[other]] += 1
    return still


def _keep_closest(best: Best, problem: Problem, ask: Ask, margin: Tensor) -> None:
    """For rows that never reached: the query with the largest margin, but never the photo."""
    closest, query = margin.max(1)
    rows = torch.nonzero(~best.reached & (closest > best.margin)).squeeze(1)
    if not len(rows):
        return
    some, asked = problem.rows(rows), ask.pixels[rows, query[rows]]
    snapped = asked if ask.on_grid else some.snap(asked)
    changed = (snapped != some.pixels).flatten(1).any(1)
    rows = rows[changed]
    best.margin[rows], best.pixels[rows] = closest[rows], snapped[changed]
