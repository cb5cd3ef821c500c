"""portfolio: several attacks of different kinds on each photo, and the nearest answer is kept."""

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
from pasunchat.attacks.protocol import Access, Aim, Effort, Facts
from pasunchat.attacks.search import Found
from pasunchat.attacks.strategies.combined import best_of
from pasunchat.attacks.task import Task

STEPS: Mapping[Effort, int] = {"quick": 30, "normal": 100, "thorough": 1000}


@dataclass(frozen=True)
class Portfolio:
    """effort: quick, normal or thorough; 30, 100 or 1,000 steps of each attack that has steps."""

    about: ClassVar[str] = "several attacks of different kinds, and of each photo the nearest"
    paper: ClassVar[str] = "ours; its parts are turning, least-levels, sparse and their peers"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2", "linf", "l1", "l0", "pixels")
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    when: ClassVar[str] = "the least change that can be had, at the price of several searches"
    cost: ClassVar[str] = "some 150 to 300 gradients; with thorough, 1,000 to 2,500"

    effort: Effort = "normal"

    def parts(self, norm: str) -> tuple[Facts, ...]:
        """The attacks for a norm."""
        steps = STEPS[self.effort]
        parts: dict[str, tuple[Facts, ...]] = {
            "l2": (Turning(effort=self.effort), DDN(steps=steps), FMN(steps=steps)),
            "linf": (LeastLevels(effort=self.effort), FMN(steps=steps)),
            "l1": (Sparse(effort=self.effort), FMN(steps=steps), Pdpgd(steps=steps)),
            "l0": (Sparse(effort=self.effort), FMN(steps=steps), SigmaZero(steps=steps)),
            "pixels": (Sparse(effort=self.effort), FMN(steps=steps), SigmaZero(steps=steps)),
        }
        return parts[norm]

    def find(self, task: Task) -> Found:
        """As `search`."""
        return best_of(self.parts(task.problem.norm.name)).find(task)
