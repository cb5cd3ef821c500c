"""The one loop: rows in, each on its own clock; a row leaves when its attack says it is done."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.attack import Answer, Attack, State
from pasunchat.attacks.oracle import Oracle, frozen
from pasunchat.attacks.problem import Problem
from pasunchat.classifiers.classifier import Classifier
from pasunchat.progress import Progress, silent

ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Found:
    """pixels: what each row kept, [N, 3, H, W], not yet on the grid. forwards, backwards: its
    queries, int64 [N]. moved: whether its gradient was ever anything but zero, bool [N]."""

    pixels: Tensor
    forwards: Tensor
    backwards: Tensor
    moved: Tensor


def search(
    classifier: Classifier,
    problem: Problem,
    attack: Attack[Any],
    keys: Tensor,
    rows: Tensor,
    progress: Progress = silent,
) -> Found:
    """Run the attack on some rows of the problem; the others stay as they are.

    keys: int64 [N], one seed a row. rows: int64 [M]. progress: (rows done, M).
    A row's result is the same bytes in any batch and company.
    """
    total = len(problem.pixels)
    found = Found(
        pixels=problem.pixels.clone(),
        forwards=torch.zeros(total, dtype=torch.int64),
        backwards=torch.zeros(total, dtype=torch.int64),
        moved=torch.zeros(total, dtype=torch.bool),
    )
    oracle = Oracle(classifier, attack)
    with frozen(classifier):
        for first in range(0, len(rows), ROWS_AT_ONCE):

            def tell(done: int, first: int = first) -> None:
                progress(first + done, len(rows))

            _search_rows(oracle, problem, keys, rows[first : first + ROWS_AT_ONCE], found, tell)
    return found


def _search_rows(
    oracle: Oracle,
    problem: Problem,
    keys: Tensor,
    rows: Tensor,
    found: Found,
    progress: Callable[[int], None],
) -> None:
    attack, at_hand, all_rows = oracle.attack, problem.rows(rows), len(rows)
    state = attack.start(at_hand, keys[rows])
    while len(rows):
        ask = attack.ask(at_hand, state)
        answer = oracle.answer(at_hand, ask)
        _count(found, rows, ask.pixels.shape[1], ask.gradient, answer)
        state = attack.step(at_hand, state, answer)
        done = state.done.cpu()
        if done.any():
            found.pixels[rows[done]] = attack.kept(at_hand, state)[done]
            rows, stay = rows[~done], torch.nonzero(~done).squeeze(1)
            state, at_hand = take(state, stay), at_hand.rows(stay)
            progress(all_rows - len(rows))


def take(state: State, rows: Tensor) -> Any:
    """The state of some rows."""
    parts = {field.name: getattr(state, field.name)[rows] for field in fields(state)}
    return replace(state, **parts)


def _count(found: Found, rows: Tensor, queries: int, wanted: Tensor, answer: Answer) -> None:
    found.forwards[rows] += queries
    found.backwards[rows] += wanted.cpu()
    if answer.gradient is not None:
        found.moved[rows] |= answer.gradient.flatten(1).any(1).cpu()
