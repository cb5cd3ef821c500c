"""Which of many classes is the nearest one to go to, guessed at the photo.

It is not known before a search, but well guessed from the gradients at the photo: the lead over a
class divided by the dual norm of that lead's gradient is the distance at which a linear network
would reach it. DeepFool (methods/deepfool.py) takes its steps by it, and its first query is asked
here.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.losses import likeliest_others
from pasunchat.attacks.methods.deepfool import DeepFool, slopes
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer
from pasunchat.attacks.search import SearchResult, SearchTask, first_answers

LIKELIEST = 10  # classes that are ranked: the likeliest


class Ranking(NamedTuple):
    """The classes that rows may be led to, the nearest first, and what it cost to know."""

    classes: Tensor  # int64 [N, K]; class 0 for rows that were not asked about
    # [N, K]: where a linear network would reach each; ascending. 0 where that is not known: no
    # finite gradient, or one that is 0.
    distances: Tensor
    forwards: Tensor  # int64 [N], on the CPU
    backwards: Tensor  # int64 [N], on the CPU
    had_gradient: Tensor  # bool [N], on the CPU

    def count_in(self, found: SearchResult) -> None:
        """Add to what was found what the ranking cost."""
        found.forwards += self.forwards
        found.backwards += self.backwards
        found.had_gradient |= self.had_gradient


def nearest_first(task: SearchTask, most: int = LIKELIEST) -> Ranking:
    """Of each row's goal to leave a class, the other classes by their first-order distance, the
    `most` likeliest of them: K = min(most, C - 1). Equally near ones stay by likeliness.

    It costs each of the task's rows one query and K gradients. With a confidence the distance is
    the one at which the class would have it. Raises ValueError for a goal that is targeted.
    """
    problem, count = task.problem, len(task.problem.pixels)
    if problem.goal.targeted:
        raise ValueError("nearest_first: expected a goal to leave a class, got a targeted one")
    classes = torch.zeros(count, 0, dtype=torch.int64, device=problem.pixels.device)
    distances = problem.pixels.new_zeros(count, 0)
    forwards = torch.zeros(count, dtype=torch.int64)
    backwards, had_gradient = forwards.clone(), forwards.bool()
    for rows, answer in first_answers(DeepFool(nearby=most), task):
        assert answer.logits is not None
        others = likeliest_others(answer.logits[:, 0], problem.goal.rows(rows), most)
        away, order = _first_order(problem, answer).sort(dim=1, stable=True)
        if not classes.shape[1]:
            classes = classes.new_zeros(count, others.shape[1])
            distances = distances.new_zeros(count, others.shape[1])
        classes[rows], distances[rows] = others.gather(1, order), away
        forwards[rows], backwards[rows] = answer.forwards, answer.backwards
        had_gradient[rows] = answer.has_gradient
    return Ranking(classes, distances, forwards, backwards, had_gradient)


def _first_order(problem: Problem, answer: Answer) -> Tensor:
    """The distance at which a linear network would reach each class, [N, K]; 0 if it is not known,
    so that a class that may be near never looks far."""
    assert answer.loss is not None and answer.gradient is not None
    short, gradient = -answer.loss, answer.gradient
    if short.ndim == 1:  # of two classes there is one other
        short, gradient = short[:, None], gradient[:, None]
    distance = short / slopes(problem.norm, gradient)
    return torch.where(distance.isfinite(), distance, 0).clamp_min(0)
