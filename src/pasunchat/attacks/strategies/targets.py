"""Leaving a class by aiming at other classes, the nearest first.

Which of many classes is the nearest is not known before a search, but well guessed from the
gradients at the photo: the lead over a class divided by the dual norm of that lead's gradient is
the distance at which a linear network would reach it. DeepFool (methods/deepfool.py) takes its
steps by it, and its first query is asked here.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.losses import likeliest_others
from pasunchat.attacks.methods.deepfool import DeepFool, slopes
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask, find, first_answers, no_result
from pasunchat.attacks.strategies.strategy import info_of_parts, take_better

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


@dataclass(frozen=True)
class EachTarget:
    """To leave a class, each other class is the target in turn, the nearest first, the next for
    the rows that are not fooled yet (Croce and Hein 2020, arXiv:2003.01690, section 4, where the
    order is that of the logits)."""

    attack: Method
    most: int = 9  # classes

    def __post_init__(self) -> None:
        refuse_below_one(self, "most")

    @property
    def info(self) -> AttackInfo:
        """What follows from its attack."""
        return info_of_parts(
            (self.attack,),
            about=f"each other class as the target in turn: {self.attack.info.about}",
            when="to leave a class, from three classes on",
            cost=f"up to {self.most} times {self.attack.info.cost}",
        )

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`. A goal that is targeted already has one target."""
        problem, rows = task.problem, task.rows
        if problem.goal.targeted:
            return find(self.attack, task)
        found, ranking = no_result(problem), nearest_first(task, max(self.most, LIKELIEST))
        found.forwards += ranking.forwards
        found.backwards += ranking.backwards
        found.had_gradient |= ranking.had_gradient
        for number in range(min(self.most, ranking.classes.shape[1])):
            if not len(rows) or (number and task.is_over()):
                break
            goal = replace(problem.goal, classes=ranking.classes[:, number], targeted=True)
            part = replace(task.part(rows, "target", number), problem=replace(problem, goal=goal))
            take_better(found, find(self.attack, part), rows)
            rows = found.active(rows)
            task.report(rows)
        return found
