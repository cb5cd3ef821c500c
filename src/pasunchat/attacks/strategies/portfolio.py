"""portfolio: several attacks of different kinds on each photo; the nearest result counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pasunchat.attacks.methods.ddn import DDN
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.pdpgd import Pdpgd
from pasunchat.attacks.methods.sigma_zero import SigmaZero
from pasunchat.attacks.methods.sparse.sparse import Sparse
from pasunchat.attacks.methods.turning.least_levels import LeastLevels
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.protocol import AttackInfo, Effort, Method
from pasunchat.attacks.search import SearchResult, SearchTask
from pasunchat.attacks.strategies.combined import BestOf

STEPS: Mapping[Effort, int] = {"quick": 30, "normal": 100, "thorough": 1000}


@dataclass(frozen=True)
class Portfolio:
    """Every attack for a norm that searches for the nearest change by a way of its own."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="several attacks of different kinds, and of each photo the nearest",
        paper="ours; its parts are turning, least-levels, sparse and their peers",
        norms=("l2", "linf", "l1", "l0", "pixels"),
        when="for the least change, at the cost of several searches",
        cost="some 150 to 300 gradients; with thorough, 1,000 to 2,500",
    )

    effort: Effort = "normal"  # 30, 100 or 1,000 steps of each attack that has steps

    def parts(self, norm: str) -> tuple[Method, ...]:
        """The attacks for a norm."""
        steps = STEPS[self.effort]
        every: tuple[Method, ...] = (
            Turning(effort=self.effort),
            LeastLevels(effort=self.effort),
            Sparse(effort=self.effort),
            FMN(steps=steps),
            DDN(steps=steps),
            SigmaZero(steps=steps),
        )
        if norm == "l1":
            every += (Pdpgd(steps=steps),)
        return tuple(attack for attack in every if attack.info.serves(norm))

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`."""
        return BestOf(self.parts(task.problem.norm.name)).find(task)
