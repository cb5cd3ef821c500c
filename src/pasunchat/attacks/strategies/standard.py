"""standard: how many photos withstand every attack inside a radius, in AutoAttack's spirit.

Croce and Hein 2020, arXiv:2003.01690: different attacks one after the other, each on what no attack
before it has fooled, and of each photo the worst case. A row leaves when it is first reached, and
none is given up before all of them have failed on it: a number for robustness is never raised by a
guess. Ours differs in which attacks those are (docs/methods.md, section 7: what each of them finds
per gradient, and what none of the others does):

    turning     a fifth of the steps: finds most per gradient
    FMN         100, inside and outside the radius, so that it is not held up at its edge
    APGD        100 on the margin; from three classes on 100 more on cross-entropy
    turning     two fifths of the steps at each other class, the nearest first; then all of them
    Square      5,000 queries, from where the others came nearest: the only one without gradients

In L1, where there is no turning, steps along the gradient and APGD stand in its place.
"""

from dataclasses import dataclass
from typing import ClassVar

from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.methods.turning.family import FAMILIES
from pasunchat.attacks.methods.turning.least_levels import ByLevel
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask
from pasunchat.attacks.strategies.combined import ByMargin, Cascade
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.norms import LINF

FEW, SOME = 0.2, 0.4  # of the steps, for turning at first, and at each other class
TOGETHER = 4  # squares that are asked about at once: as many are found in half the time


@dataclass(frozen=True)
class Standard:
    """The worst case of several attacks inside a radius."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="one attack after the other, the worst case of each photo",
        paper="after AutoAttack: Croce and Hein 2020, arXiv:2003.01690",
        norms=("linf", "l2", "l1"),
        aims=("within",),
        when="for robust accuracy: how many photos withstand everything inside a radius",
        cost="3 to 30 gradients where one fools; 320 to 790 and 5,000 queries where none does",
    )

    steps: int = 100  # gradients of the longest searches
    targets: int = 9  # classes aimed at in turn, from three classes on
    queries: int = 5000  # of Square

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "targets", "queries")

    def parts(self, classes: int, problem: Problem) -> tuple[Method, ...]:
        """The attacks in their order, for a number of classes."""
        parts: list[Method] = [
            self._gradients(problem, FEW),
            FMN(steps=self.steps),
            Apgd(steps=self.steps),
        ]
        if classes > 2:  # of two, cross-entropy rises where the margin does
            parts.append(Apgd(steps=self.steps, loss_function="ce"))
            if not problem.goal.targeted:
                parts.append(EachTarget(self._gradients(problem, SOME), self.targets))
        parts.append(self._gradients(problem, 1))
        if problem.norm.name in Square.info.norms:
            parts.append(Square(queries=self.queries, follow=True, together=TOGETHER))
        return tuple(parts)

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        return Cascade(self.parts(task.class_count(), task.problem)).find(task)

    def _gradients(self, problem: Problem, share: float) -> Method:
        """The search by gradients for a norm, with a share of the steps."""
        steps = max(round(share * self.steps), 1)
        if problem.norm.name not in FAMILIES:
            return GradientSteps(steps=steps, random=False) if share < SOME else Apgd(steps=steps)
        if problem.norm is LINF and problem.levels is not None:
            return ByLevel(few=steps, many=steps, at_radius=True)
        return ByMargin(Turning(gradients=steps))  # each class has a turn of its own
