"""Keeps the best picture that a search has queried so far, for each photo.

That is the nearest picture that reached the goal, and until there is one the closest try.

A picture counts as it would be saved: on the grid, inside the radius. Where a query lies off the
grid and would be the nearest when rounded, the rounded picture is asked about. What a row has in
the end is never the photo itself and never outside the radius: of a row that came near its goal
only outside, the best try there is brought inside and asked about when the row leaves.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pasunchat.attacks.oracle import Oracle
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Answer, Query
from pasunchat.norms import L0, batch_view


@dataclass
class BestSoFar:
    """Rows first. A score is a margin, or, where an attack may know no scores, -1."""

    pixels: Tensor  # [N, 3, H, W], on the grid: the photo until there is a try
    distance: Tensor  # [N]: infinite until the row has reached
    score: Tensor  # [N], of the closest try: minus infinity until there is one
    outside: Tensor  # [N, 3, H, W]: the best try outside the radius
    outside_score: Tensor  # [N]; of one that reached 1 / (1 + distance)
    forwards: Tensor  # int64 [N], on the CPU: queries that were asked again

    @property
    def reached(self) -> Tensor:
        """bool [N]."""
        return self.distance.isfinite()

    def rows(self, index: Tensor) -> "BestSoFar":
        """The best of some rows."""
        return BestSoFar(*(getattr(self, field.name)[index] for field in fields(self)))


def no_try(problem: Problem) -> BestSoFar:
    """Before the first query: the photo itself, infinitely far from the goal."""
    photo = problem.pixels
    none = torch.full((len(photo),), torch.inf, device=photo.device)
    outside = photo if problem.radius is None else photo.clone()
    forwards = torch.zeros(len(photo), dtype=torch.int64)
    return BestSoFar(photo.clone(), none, -none, outside, -none, forwards)


def update(best: BestSoFar, oracle: Oracle, problem: Problem, query: Query, answer: Answer) -> None:
    """Take from the queries just answered what is better than `best`."""
    score = answer.margin if answer.margin is not None else answer.reached * 2.0 - 1
    picture = _candidate(problem, query.pixels, answer.reached, score)
    reached, score = (part.gather(1, picture[:, None])[:, 0] for part in (answer.reached, score))
    better = score > best.score
    if problem.radius is not None:  # until a try lies inside, the best outside is remembered
        better |= best.score.isneginf() & (score > best.outside_score)
    rows = torch.nonzero(reached | (better & ~best.reached)).squeeze(1)
    if not len(rows):
        return
    every = len(rows) == len(picture)
    some = problem if every else problem.rows(rows)
    single = every and query.pixels.shape[1] == 1  # a view of the pixels, where a copy would cost
    asked = query.pixels[:, 0] if single else query.pixels[rows, picture[rows]]
    pixels = asked if query.on_grid else some.snap(asked)
    distance = some.distance(pixels)
    inside, score = some.close_enough(distance), score[rows]
    reached = reached[rows] & (distance < best.distance[rows])
    if pixels is not asked:
        reached, score = _asked_again(best, oracle, some, rows, reached, score, pixels, asked)
    _take(best.pixels, rows, reached & inside, pixels)
    _take(best.distance, rows, reached & inside, distance)
    tried = ~best.reached[rows] & (distance > 0)
    closer = tried & inside & (score > best.score[rows])
    _take(best.score, rows, closer, score)
    _take(best.pixels, rows, closer, pixels)
    if problem.radius is not None:
        score = torch.where(reached, 1 / (1 + distance), score.clamp_max(0))
        closer = tried & ~inside & (score > best.outside_score[rows])
        _take(best.outside_score, rows, closer, score)
        _take(best.outside, rows, closer, pixels)


def bring_inside(best: BestSoFar, oracle: Oracle, problem: Problem) -> None:
    """For rows that leave without having reached: the best try outside the radius, brought inside
    and asked about; it counts if it is better."""
    rows = torch.nonzero(~best.reached & best.outside_score.isfinite()).squeeze(1)
    if not len(rows):
        return
    some, usable = problem.rows(rows), problem.usable_radius()[rows]
    pixels = changed_inside(some, usable, best.outside[rows])
    logits = oracle.logits(pixels)
    best.forwards[rows.cpu()] += 1
    reached = some.goal.reached(logits, SURE) & some.within(pixels)
    scores = oracle.attack.info.needs != "labels"
    score = some.goal.margin(logits) if scores else torch.full_like(usable, -1)
    changed = (pixels != some.pixels).flatten(1).any(1)
    better = changed & (reached | (score > best.score[rows]))
    _take(best.pixels, rows, better, pixels)
    _take(best.score, rows, better, score)
    _take(best.distance, rows, better & reached, some.distance(pixels))


def choose(best: BestSoFar, oracle: Oracle, problem: Problem, pixels: Tensor) -> None:
    """Take pixels that an attack has chosen by a criterion of its own: as the mask allows, inside
    the radius, on the grid, and asked about."""
    pixels = problem.allowed(pixels)
    snapped = problem.snap(pixels)
    if problem.radius is not None:
        keeps_to_it = problem.within(pixels) & (snapped != problem.pixels).flatten(1).any(1)
        inside = changed_inside(problem, problem.usable_radius(), pixels)
        snapped = torch.where(batch_view(keeps_to_it), snapped, inside)
    logits = oracle.logits(snapped)
    reached = problem.goal.reached(logits, SURE) & problem.within(snapped)
    best.pixels, best.score = snapped, problem.goal.margin(logits)
    best.distance = torch.where(reached, problem.distance(snapped), torch.inf)
    best.forwards += 1


def changed_inside(problem: Problem, usable: Tensor, pixels: Tensor) -> Tensor:
    """Pixels brought inside a usable radius [N] and onto the grid. Where rounding would leave
    nothing of the change, the value that changes most moves by one level."""
    inside = problem.round_inside(usable, problem.inside(usable, pixels))
    if problem.levels is None:
        return inside
    one = problem.pixels + L0.steepest(pixels - problem.pixels) / problem.max_level
    vanished = (inside == problem.pixels).flatten(1).all(1) & problem.within(one)
    return torch.where(batch_view(vanished), problem.snap(one), inside)


def _candidate(problem: Problem, pixels: Tensor, reached: Tensor, score: Tensor) -> Tensor:
    """Which picture counts for a row, int64 [N], of pixels [N, Q, 3, H, W]: the nearest that
    reached, else the one of the largest score [N, Q]."""
    if pixels.shape[1] == 1:
        return torch.zeros(len(pixels), dtype=torch.int64, device=pixels.device)
    if not reached.any():
        return score.argmax(1)
    distance = problem.norm.measure((pixels - problem.pixels[:, None]).flatten(0, 1))
    nearest = torch.where(reached, distance.view_as(score), torch.inf).argmin(1)
    return torch.where(reached.any(1), nearest, score.argmax(1))


def _asked_again(
    best: BestSoFar,
    oracle: Oracle,
    problem: Problem,
    rows: Tensor,
    reached: Tensor,
    score: Tensor,
    pixels: Tensor,
    asked: Tensor,
) -> tuple[Tensor, Tensor]:
    """Which rows reached, bool [M], and their scores [M], on the grid: those that reached are asked
    again where the pixels there are others."""
    some = torch.nonzero(reached).squeeze(1)
    some = some[(pixels[some] != asked[some]).flatten(1).any(1)]
    if len(some):
        logits, goal = oracle.logits(pixels[some]), problem.goal.rows(some)
        reached = reached.index_copy(0, some, goal.reached(logits, SURE))
        if oracle.attack.info.needs != "labels":
            score = score.index_copy(0, some, goal.margin(logits))
        best.forwards[rows[some].cpu()] += 1
    return reached, score


def _take(into: Tensor, rows: Tensor, which: Tensor, values: Tensor) -> None:
    """Write the values of `which`, bool [M], into their rows, [M] of [N]."""
    chosen = torch.nonzero(which).squeeze(1)
    into[rows[chosen]] = values[chosen]
