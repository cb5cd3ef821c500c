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
from pasunchat.attacks.protocol import AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask
from pasunchat.attacks.strategies.combined import Cascade
from pasunchat.attacks.strategies.targets import EachTarget

QUICK = GradientSteps(steps=8, random=False)


@dataclass(frozen=True)
class Standard:
    """The worst case of several attacks inside a radius."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="one attack after the other, the worst case of each photo",
        paper="after AutoAttack: Croce and Hein 2020, arXiv:2003.01690",
        norms=("linf", "l2", "l1"),
        aims=("within",),
        when="for robust accuracy: how many photos withstand everything inside a radius",
        cost="2 to 35 gradients where one fools; 5,000 queries and more where none does",
    )

    steps: int = 100  # gradients of each search
    targets: int = 9  # classes aimed at in turn, from three classes on
    queries: int = 5000  # of Square

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "targets", "queries")

    def parts(self, classes: int, norm: str) -> tuple[Method, ...]:
        """The attacks in their order, for a number of classes and a norm."""
        parts: list[Method] = [
            QUICK,
            GradientSteps(steps=max(self.steps // 4, 1), random=False),
            Apgd(steps=self.steps),
            Apgd(steps=self.steps, loss_function="ce"),
        ]
        if classes > 2:
            parts.append(EachTarget(Apgd(steps=self.steps), self.targets))
        parts.append(FMN(steps=self.steps))
        if norm in Square.info.norms:
            parts.append(Square(queries=self.queries))
        return tuple(parts)

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        classes = task.classifier.predict_logits(task.problem.pixels[:1]).shape[1]
        return Cascade(self.parts(classes, task.problem.norm.name)).find(task)
