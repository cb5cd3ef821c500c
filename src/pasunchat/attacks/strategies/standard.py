"""standard: how many photos withstand every attack inside a radius, in AutoAttack's spirit.

Croce and Hein 2020, arXiv:2003.01690: different attacks one after the other, each on what no attack
before it has fooled, and of each photo the worst case. Ours differs so that two classes are served
as well as a thousand: the loss is the margin, then cross-entropy, where AutoAttack has the ratio
DLR, which needs three classes; quick searches come first; and a row leaves when it is first
reached. No row is given up before all of them have failed on it: a number for robustness is never
raised by a guess.
"""

from dataclasses import dataclass
from typing import ClassVar

from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Facts, refuse_below_one
from pasunchat.attacks.search import Found
from pasunchat.attacks.strategies.combined import cascade
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.attacks.task import Task
from pasunchat.classifiers.classifier import Classifier

QUICK = GradientSteps(steps=8, random=False)


@dataclass(frozen=True)
class Standard:
    """steps: gradients of each search. targets: classes aimed at in turn, from three classes on.
    queries: of Square."""

    about: ClassVar[str] = "one attack after the other, the worst case of each photo"
    paper: ClassVar[str] = "after AutoAttack: Croce and Hein 2020, arXiv:2003.01690"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    when: ClassVar[str] = "robust accuracy: how many photos withstand everything inside a radius"
    cost: ClassVar[str] = "2 to 35 gradients where one fools; 5,000 queries and more where none does"

    steps: int = 100
    targets: int = 9
    queries: int = 5000

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "targets", "queries")

    def parts(self, classes: int, norm: str) -> tuple[Facts, ...]:
        """The attacks in their order."""
        parts: list[Facts] = [
            QUICK,
            GradientSteps(steps=max(self.steps // 4, 1), random=False),
            Apgd(steps=self.steps),
            Apgd(steps=self.steps, objective="ce"),
        ]
        if classes > 2:
            parts.append(EachTarget(Apgd(steps=self.steps), self.targets))
        parts.append(FMN(steps=self.steps))
        if norm in Square.norms:
            parts.append(Square(queries=self.queries))
        return tuple(parts)

    def find(self, task: Task) -> Found:
        """As `search`."""
        classes = _classes(task.classifier, task.problem)
        return cascade(self.parts(classes, task.problem.norm.name)).find(task)


def _classes(classifier: Classifier, problem: Problem) -> int:
    """How many classes the classifier tells apart."""
    return classifier.judge(problem.pixels[:1]).shape[1]
