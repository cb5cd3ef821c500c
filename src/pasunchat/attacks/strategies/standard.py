"""standard: how many photos withstand every attack inside a radius, in AutoAttack's spirit.

Croce and Hein 2020, arXiv:2003.01690: different attacks one after the other, each on what still
stands, and of each photo the worst case. Ours differs so that two classes are served as well as a
thousand: the loss is the margin, then cross-entropy, where AutoAttack has the ratio DLR, which
needs three classes; quick searches come first; in LINF the second APGD asks between the values of
the grid; a row leaves when it is first reached; and what no search can reach is given up by the
rule of promise.py.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.norms import LINF
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Facts, refuse_below_one
from pasunchat.attacks.search import Found, nothing_found
from pasunchat.attacks.strategies.off_grid import OffGrid
from pasunchat.attacks.strategies.parts import found_by, standing, take_better
from pasunchat.attacks.strategies.promise import Promise, promise, worth_more
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.attacks.task import Task
from pasunchat.classifiers.classifier import Classifier

QUICK = GradientSteps(steps=8, random=False)


@dataclass(frozen=True)
class Standard:
    """steps: gradients of each search. targets: classes aimed at in turn, from three classes on.
    queries: of Square. give_up: leave rows by the rule of promise.py; without it every row that
    stands goes through all searches."""

    about: ClassVar[str] = "one attack after the other, the worst case of each photo"
    paper: ClassVar[str] = "after AutoAttack: Croce and Hein 2020, arXiv:2003.01690"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    when: ClassVar[str] = "robust accuracy: how many photos withstand everything inside a radius"
    cost: ClassVar[str] = "2 to 35 gradients; several hundred where it is close"

    steps: int = 100
    targets: int = 9
    queries: int = 5000
    give_up: bool = True

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "targets", "queries")

    def parts(self, classes: int, norm: str) -> tuple[tuple[Facts, float], ...]:
        """The attacks in their order, each with the slack by which rows are given up after it."""
        again = Apgd(steps=self.steps, objective="ce")
        parts: list[tuple[Facts, float]] = [
            (QUICK, 8),
            (GradientSteps(steps=max(self.steps // 4, 1), random=False), 1),
            (Apgd(steps=self.steps), 0.5),
            (OffGrid(again) if norm == LINF.name else again, 0.25),
        ]
        if classes > 2:
            parts.append((EachTarget(Apgd(steps=self.steps), self.targets), 0.25))
        # no slack: random squares are for what has gradients that do not tell the truth
        parts.append((FMN(steps=self.steps), 0))
        if norm in Square.norms:
            parts.append((Square(queries=self.queries), 0))
        return tuple(parts)

    def find(self, task: Task) -> Found:
        """As `search`."""
        found, left = nothing_found(task.problem), task.rows
        promised: Promise | None = None
        classes = _classes(task.classifier, task.problem)
        for number, (attack, slack) in enumerate(self.parts(classes, task.problem.norm.name)):
            if task.ends_before(number, left):
                break
            take_better(found, found_by(attack, task.part(left, "part", number)), left)
            left = standing(found, left)
            if self.give_up and len(left):
                promised = promised or promise(QUICK, replace(task, rows=left), found)
                promised, left = worth_more(promised, found, left, slack)
            task.tell(left)
        return found


def _classes(classifier: Classifier, problem: Problem) -> int:
    """How many classes the classifier tells apart."""
    return classifier.predict_logits(problem.pixels[:1]).shape[1]
