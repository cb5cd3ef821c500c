"""The one loop: rows in, each on its own clock; a row leaves when it has what it came for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.best_so_far import Best, keep_best, nothing_yet
from pasunchat.attacks.estimated_gradient import look_around
from pasunchat.attacks.oracle import Oracle, frozen
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, Ask, Attack, KeepsOwn, State, take
from pasunchat.attacks.task import Task

AT_ONCE = 16  # rows: as many as keep a CPU busy
ACTIVATIONS = 512  # on a GPU: its memory is to hold a row's pixels so many times for each row


@dataclass
class Found:
    """What a search found, a row for each of the problem's; rows not searched are the photo.

    pixels: [N, 3, H, W]. distance: [N], infinite where nothing reached. margin: [N], of the
    closest try where nothing reached. forwards, backwards: its queries, int64 [N]. moved: whether
    its gradient was ever anything but zero, bool [N].
    """

    pixels: Tensor
    distance: Tensor
    margin: Tensor
    forwards: Tensor
    backwards: Tensor
    moved: Tensor


@dataclass
class AtWork:
    """The rows that are still being searched: their numbers, problem, state, best and keys; flat:
    whether a row's first gradient was zero; clock: questions asked so far."""

    rows: Tensor
    problem: Problem
    state: State
    best: Best
    keys: Tensor
    flat: Tensor
    clock: int = 0


def nothing_found(problem: Problem) -> Found:
    """Before any search."""
    rows = len(problem.pixels)
    best = nothing_yet(problem)
    count = torch.zeros(rows, dtype=torch.int64)
    return Found(best.pixels, best.distance, best.margin, count, count.clone(), count.bool())


def search(attack: Attack[Any], task: Task) -> Found:
    """Run the attack on the task's rows. A row's result is the same bytes in any company."""
    found, oracle = nothing_found(task.problem), Oracle(task.classifier, attack)
    with frozen(task.classifier):
        done = 0
        for some in some_at_once(task.rows, task.problem):
            work = _begun(attack, task, some)
            while len(work.rows):
                ended = _asked_once(oracle, work, found)
                if task.over():
                    ended = torch.ones_like(ended)
                if ended.any():
                    _leave(attack, work, ended, found)
                    task.progress(done + len(some) - len(work.rows), len(task.rows))
            done += len(some)
    return found


def first_answers(attack: Attack[Any], task: Task) -> Iterator[tuple[Tensor, Answer]]:
    """What the attack is told first: some of the task's rows at a time, and the answer to them."""
    oracle = Oracle(task.classifier, attack)
    with frozen(task.classifier):
        for some in some_at_once(task.rows, task.problem):
            part = task.problem.rows(some)
            state = attack.start(part, task.keys[some])
            yield some, oracle.answer(part, state, attack.ask(part, state))


def some_at_once(rows: Tensor, problem: Problem) -> tuple[Tensor, ...]:
    """The rows in parts of as many as are worked on together: on a GPU as many as its memory holds
    of the largest of common networks."""
    device, most = problem.pixels.device, AT_ONCE
    if device.type == "cuda":
        row = problem.pixels[:1].numel() * problem.pixels.element_size()
        memory = torch.cuda.get_device_properties(device).total_memory
        most = max(AT_ONCE, min(memory // (ACTIVATIONS * max(row, 1)), 256))
    return torch.split(rows, most) if len(rows) else ()


def _begun(attack: Attack[Any], task: Task, rows: Tensor) -> AtWork:
    some, keys = task.problem.rows(rows), task.keys[rows]
    return AtWork(
        rows=rows,
        problem=some,
        state=attack.start(some, keys),
        best=nothing_yet(some),
        keys=keys,
        flat=torch.zeros(len(rows), dtype=torch.bool),
    )


def _asked_once(oracle: Oracle, work: AtWork, found: Found) -> Tensor:
    """One question of each row, and what follows from it. Returns which rows end, bool [M]."""
    attack, problem = oracle.attack, work.problem
    ask = attack.ask(problem, work.state)
    ask = ask._replace(pixels=_allowed(problem, ask.pixels), gradient=ask.gradient.cpu())
    answer = oracle.answer(problem, work.state, ask)
    answer = _moved(oracle, work, ask, answer, found)
    work.state = attack.step(problem, work.state, answer)
    work.clock += 1
    ended = work.state.done
    if attack.keeps == "nearest":
        keep_best(work.best, oracle, problem, ask, answer)
        if problem.radius is not None:
            ended = ended | work.best.reached
    return ended.cpu()


def _allowed(problem: Problem, pixels: Tensor) -> Tensor:
    if problem.mask is None:
        return pixels
    return torch.where(problem.mask[:, None], pixels, problem.pixels[:, None])


def _moved(oracle: Oracle, work: AtWork, ask: Ask, answer: Answer, found: Found) -> Answer:
    """Count the queries, and look around where a row has no gradient to follow."""
    found.forwards[work.rows] += ask.pixels.shape[1]
    wanted = ask.gradient
    found.backwards[work.rows] += wanted
    if answer.gradient is None:
        return answer
    if work.clock == 0:
        work.flat = wanted & ~answer.gradient.flatten(1).any(1).cpu()
    if work.flat.any() and answer.gradient.ndim == ask.pixels.ndim - 1:
        flat = ask._replace(gradient=wanted & work.flat)
        answer, spent = look_around(
            oracle, work.problem, work.state, flat, answer, work.keys + work.clock
        )
        found.forwards[work.rows] += spent
    assert answer.gradient is not None
    still = torch.nonzero(wanted & ~found.moved[work.rows]).squeeze(1)
    if len(still):
        found.moved[work.rows[still]] = answer.gradient[still].flatten(1).any(1).cpu()
    return answer


def _leave(attack: Attack[Any], work: AtWork, ended: Tensor, found: Found) -> None:
    """Hand in what the ended rows have, and go on with the others."""
    rows, best = work.rows[ended], work.best.rows(ended)
    found.pixels[rows] = best.pixels
    if attack.keeps == "own":
        assert isinstance(attack, KeepsOwn)
        own = work.problem.allowed(attack.kept(work.problem, work.state))
        found.pixels[rows] = own[ended]
    found.distance[rows], found.margin[rows] = best.distance, best.margin
    found.forwards[rows] += best.extra.cpu()
    stay = torch.nonzero(~ended).squeeze(1)
    work.rows, work.keys, work.flat = work.rows[stay], work.keys[stay], work.flat[stay]
    work.problem, work.state = work.problem.rows(stay), take(work.state, stay)
    work.best = work.best.rows(stay)
