"""The loop that runs every attack: query the classifier, keep the best, step.

What a search is given is a `SearchTask`, what it finds a `SearchResult`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.best_so_far import BestSoFar, bring_inside, choose, no_try, update
from pasunchat.attacks.oracle import EstimatingOracle, Oracle, attack_mode
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    Attack,
    ChoosesResult,
    EndsByRow,
    Query,
    State,
    take,
)
from pasunchat.attacks.watch import ALONE, Watch
from pasunchat.classifiers.classifier import Classifier
from pasunchat.draws import keys_for
from pasunchat.progress import Progress, silent

BATCH = 16  # rows searched together: as many as keep a CPU busy, or more where they are small
VALUES = 64 * 3 * 32 * 32  # of their pixels
ACTIVATIONS = 512  # on a GPU: times that a row's pixels must fit its memory, for the activations


@dataclass(frozen=True)
class SearchTask:
    """Some rows of a problem to be searched; the others stay as they are."""

    classifier: Classifier
    problem: Problem
    keys: Tensor  # int64 [N], a seed for each row of the problem
    rows: Tensor  # int64 [M]: the rows to search
    progress: Progress = silent  # called with (rows done, M)
    deadline: float | None = None  # of time.monotonic: then every row leaves with what it has
    classes: int | None = None  # of the classifier, C; None: not known
    steps: Progress = silent  # called with (steps done, steps, or 0 where rows end by themselves)
    watch: Watch = ALONE  # who looks on

    def class_count(self) -> int:
        """C; the classifier is asked where nothing states it."""
        stated = self.classes or len(self.classifier.classes)
        return stated or self.classifier.predict_logits(self.problem.pixels[:1]).shape[1]

    def is_over(self) -> bool:
        """Whether the deadline has passed, or who looks on has ended it."""
        late = self.deadline is not None and monotonic() > self.deadline
        return late or self.watch.stopped()

    def part(self, rows: Tensor, *purpose: object) -> "SearchTask":
        """Another search of some of its rows, with other keys; it reports no progress."""
        return replace(self, rows=rows, keys=keys_for(self.keys, *purpose), progress=silent)

    def report(self, active: Tensor) -> None:
        """Report progress: all rows are done but the active ones."""
        self.progress(len(self.rows) - len(active), len(self.rows))


@dataclass
class SearchResult:
    """What a search found, one row for each row of the problem; rows not searched are the photo."""

    pixels: Tensor  # [N, 3, H, W]
    distance: Tensor  # [N]: infinite where the goal was not reached
    margin: Tensor  # [N]: of the closest try where it was not reached
    forwards: Tensor  # int64 [N]: its queries
    backwards: Tensor  # int64 [N]: its gradients
    had_gradient: Tensor  # bool [N]: some gradient was not 0

    def active(self, rows: Tensor) -> Tensor:
        """Those of some rows, int64 [M], that have not reached."""
        return rows[~self.distance[rows].isfinite().cpu()]


@dataclass
class _Active:
    """The rows of a batch that are still searched."""

    rows: Tensor  # int64 [M]: their places in the problem
    problem: Problem
    state: State
    best: BestSoFar
    keys: Tensor


def no_result(problem: Problem) -> SearchResult:
    """Before any search."""
    best, zero = no_try(problem), torch.zeros(len(problem.pixels), dtype=torch.int64)
    return SearchResult(best.pixels, best.distance, best.score, zero, zero.clone(), zero.bool())


def search(attack: Attack[Any], task: SearchTask) -> SearchResult:
    """Run an attack on the task's rows."""
    result, done = no_result(task.problem), 0
    oracle = Oracle(task.classifier, attack, task.watch.heard)
    with attack_mode(task.classifier):
        for rows in batches(task.rows, task.problem):
            for left in _batch_searched(oracle, task, rows, result):
                task.progress(done + len(rows) - left, len(task.rows))
            done += len(rows)
    return result


def batches(rows: Tensor, problem: Problem) -> tuple[Tensor, ...]:
    """The rows in parts that are searched together: on a CPU of small pictures more, since there
    each query costs the same beside the network; on a GPU as many as its memory holds of the
    largest of common networks."""
    device, row = problem.pixels.device, max(problem.pixels[:1].numel(), 1)
    most = max(BATCH, VALUES // row)
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
        size = row * problem.pixels.element_size()
        most = max(BATCH, min(memory // (ACTIVATIONS * size), 256))
    return torch.split(rows, most) if len(rows) else ()


def first_answers(attack: Attack[Any], task: SearchTask) -> Iterator[tuple[Tensor, Answer]]:
    """The answers to an attack's first query: some of the task's rows at a time, and theirs."""
    oracle = Oracle(task.classifier, attack)
    with attack_mode(task.classifier):
        for rows in batches(task.rows, task.problem):
            problem = task.problem.rows(rows)
            state = attack.start(problem, task.keys[rows])
            query = attack.ask(problem, state, 0)
            yield rows, oracle.answer(problem, state, query, _wanted(attack, query, last=False))


def _batch_searched(
    oracle: Oracle, task: SearchTask, rows: Tensor, result: SearchResult
) -> Iterator[int]:
    """The loop, for rows that are searched together; yields how many are left whenever some leave.

    At each step the attack asks and is answered, the best of each row is kept, and the attack steps
    on. After its last step it asks once more, without a gradient.
    """
    attack, estimating = oracle.attack, EstimatingOracle(oracle)
    problem, keys = task.problem.rows(rows), task.keys[rows]
    active = _Active(rows, problem, attack.start(problem, keys), no_try(problem), keys)
    for step in count():
        problem, state = active.problem, active.state
        last = step == attack.steps
        query = attack.ask(problem, state, step)
        query = query._replace(pixels=_allowed(problem, query.pixels))
        wanted = _wanted(attack, query, last)
        answer = estimating.answer(problem, state, query, wanted, active.keys + step)
        result.forwards[active.rows] += answer.forwards
        result.backwards[active.rows] += answer.backwards
        result.had_gradient[active.rows] |= answer.has_gradient
        task.steps(step, attack.steps or 0)
        if not attack.info.own_result:
            update(active.best, oracle, problem, query, answer)
        if not last:
            active.state = attack.step(problem, state, answer, step)
        leaving = _leaving(active, last or task.is_over())
        if leaving.any():
            _leave(oracle, active, leaving, result)
            yield len(active.rows)
        if not len(active.rows):
            return


def _allowed(problem: Problem, pixels: Tensor) -> Tensor:
    """Pixels [N, Q, 3, H, W], as in the photos wherever the mask forbids a change."""
    if problem.mask is None:
        return pixels
    return torch.where(problem.mask[:, None], pixels, problem.pixels[:, None])


def _wanted(attack: Attack[Any], query: Query, last: bool) -> Tensor:
    """Which rows want a gradient, bool [N], on the CPU."""
    if query.gradient is not None and not last:
        return query.gradient.cpu()
    return torch.full((len(query.pixels),), not last and attack.info.needs == "gradients")


def _leaving(active: _Active, over: bool) -> Tensor:
    """Which rows leave, bool [M], on the CPU: all if it is over; those that are done; and, inside a
    radius, those that have reached."""
    if over:
        return torch.ones(len(active.rows), dtype=torch.bool)
    leaving = torch.zeros(len(active.rows), dtype=torch.bool)
    if isinstance(active.state, EndsByRow):
        leaving |= active.state.done.cpu()
    if active.problem.radius is not None:
        leaving |= active.best.reached.cpu()
    return leaving


def _leave(oracle: Oracle, active: _Active, leaving: Tensor, result: SearchResult) -> None:
    """Put what the leaving rows have into the result, and go on with the others."""
    chosen = torch.nonzero(leaving).squeeze(1)
    rows, best, problem = active.rows[chosen], active.best.rows(chosen), active.problem.rows(chosen)
    bring_inside(best, oracle, problem)
    if isinstance(oracle.attack, ChoosesResult):
        choose(best, oracle, problem, oracle.attack.result(problem, take(active.state, chosen)))
    result.pixels[rows], result.distance[rows] = best.pixels, best.distance
    result.margin[rows] = best.score
    result.forwards[rows] += best.forwards
    stay = torch.nonzero(~leaving).squeeze(1)
    active.rows, active.keys = active.rows[stay], active.keys[stay]
    active.problem, active.state = active.problem.rows(stay), take(active.state, stay)
    active.best = active.best.rows(stay)
