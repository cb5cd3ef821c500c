"""Leaving a class by aiming at each other class in turn."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Facts, refuse_below_one
from pasunchat.attacks.search import Found, nothing_found
from pasunchat.attacks.strategies.of_parts import OfParts
from pasunchat.attacks.strategies.parts import found_by, standing, take_better
from pasunchat.attacks.task import Task
from pasunchat.classifiers.classifier import Classifier


@dataclass(frozen=True)
class EachTarget(OfParts):
    """To leave a class, each other class is aimed at in turn, the likeliest first, the next on
    what still stands (arXiv:2003.01690, section 4). most: so many classes."""

    attack: Facts
    most: int = 9

    def __post_init__(self) -> None:
        refuse_below_one(self, "most")

    @property
    def parts(self) -> tuple[Facts, ...]:
        """Its one attack."""
        return (self.attack,)

    @property
    def about(self) -> str:
        """What it does."""
        return f"each other class as the target in turn: {self.attack.about}"

    @property
    def when(self) -> str:
        """What to take it for."""
        return "to leave a class, from three classes on"

    @property
    def cost(self) -> str:
        """What it costs."""
        return f"up to {self.most} times {self.attack.cost}"

    def find(self, task: Task) -> Found:
        """As `search`. Where a class is to be reached, that is the one target."""
        problem = task.problem
        if problem.goal.reach:
            return found_by(self.attack, task)
        found, left = nothing_found(problem), task.rows
        targets = likeliest_others(task.classifier, problem, task.rows)[:, : self.most]
        found.forwards[task.rows] += 1
        for number in range(targets.shape[1]):
            if task.ends_before(number, left):
                break
            goal = replace(problem.goal, classes=targets[:, number], reach=True)
            part = replace(task.part(left, "target", number), problem=replace(problem, goal=goal))
            take_better(found, found_by(self.attack, part), left)
            left = standing(found, left)
            task.tell(left)
        return found


def likeliest_others(classifier: Classifier, problem: Problem, rows: Tensor) -> Tensor:
    """For each row the other classes, the likeliest first, int64 [N, C - 1]; rows that are not
    asked about: any order."""
    device = problem.pixels.device
    logits = classifier.predict_logits(problem.pixels[rows], batch=1).to(device)
    others = logits.scatter(1, problem.goal.classes[rows][:, None], -torch.inf)
    ordered = others.argsort(dim=1, descending=True, stable=True)[:, :-1]
    found = torch.zeros(len(problem.pixels), ordered.shape[1], dtype=torch.int64, device=device)
    found[rows] = ordered
    return found
