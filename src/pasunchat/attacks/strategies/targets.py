"""Leaving a class by aiming at each other class in turn."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask, find, no_result
from pasunchat.attacks.strategies.strategy import info_of_parts, take_better
from pasunchat.classifiers.classifier import Classifier


@dataclass(frozen=True)
class EachTarget:
    """To leave a class, each other class is the target in turn, the likeliest first, the next for
    the rows that are not fooled yet (Croce and Hein 2020, arXiv:2003.01690, section 4)."""

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
        found = no_result(problem)
        targets = likeliest_others(task.classifier, problem, rows)[:, : self.most]
        found.forwards[rows] += 1
        for number in range(targets.shape[1]):
            if not len(rows) or (number and task.is_over()):
                break
            goal = replace(problem.goal, classes=targets[:, number], targeted=True)
            part = replace(task.part(rows, "target", number), problem=replace(problem, goal=goal))
            take_better(found, find(self.attack, part), rows)
            rows = found.active(rows)
            task.report(rows)
        return found


def likeliest_others(classifier: Classifier, problem: Problem, rows: Tensor) -> Tensor:
    """For each row the other classes, the likeliest first, int64 [N, C - 1]; in any order for rows
    that are not searched."""
    device = problem.pixels.device
    logits = classifier.predict_logits(problem.pixels[rows], batch=1).to(device)
    others = logits.scatter(1, problem.goal.classes[rows][:, None], -torch.inf)
    ordered = others.argsort(dim=1, descending=True, stable=True)[:, :-1]
    found = torch.zeros(len(problem.pixels), ordered.shape[1], dtype=torch.int64, device=device)
    found[rows] = ordered
    return found
