"""Work on rows a few at a time, so that what is being worked on stays in the processor's cache."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, S, put, take

VALUES = 2**18

Step = Callable[[Problem, S, Answer], S]


def few_at_a_time(step: Step[S], problem: Problem, state: S, answer: Answer) -> S:
    """The step of all rows, taken for a few of them after the others. Each row must be worked on
    by itself, as in every attack."""
    parts = [
        step(problem.rows(rows), take(state, rows), rows_of(answer, rows))
        for rows in (slice(first, last) for first, last in ranges(problem.pixels))
    ]
    return joined(parts)


def either(
    these: Tensor, step: Step[S], other: Step[S], problem: Problem, state: S, answer: Answer
) -> S:
    """One step for these rows, bool [N], and another for the others."""
    on_host = these.cpu()
    for taken, rows in ((step, on_host), (other, ~on_host)):
        if rows.all():
            return taken(problem, state, answer)
        which = torch.nonzero(rows).squeeze(1).to(these.device)
        if len(which):
            done = taken(problem.rows(which), take(state, which), rows_of(answer, which))
            state = put(state, which, done)
    return state


def ranges(pixels: Tensor) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of the rows of [N, ...] to be worked on together: on a CPU as
    many as a cache holds, elsewhere all."""
    rows = len(pixels)
    some = max(1, VALUES // max(1, pixels[0].numel())) if pixels.device.type == "cpu" else rows
    for first in range(0, rows, some):
        yield first, min(first + some, rows)


def joined(parts: Sequence[S]) -> S:
    """The parts as one state again."""
    if len(parts) == 1:
        return parts[0]
    whole = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in fields(parts[0])
    }
    changed: S = replace(parts[0], **whole)
    return changed


def rows_of(answer: Answer, rows: Tensor | slice) -> Answer:
    """The answer to some rows."""

    def some(value: Tensor | None) -> Tensor | None:
        return None if value is None else value[rows]

    return Answer(
        logits=some(answer.logits),
        margin=some(answer.margin),
        reached=answer.reached[rows],
        loss=some(answer.loss),
        gradient=some(answer.gradient),
    )
