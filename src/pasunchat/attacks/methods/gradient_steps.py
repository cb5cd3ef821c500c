"""Steps of one length along the gradient, inside a radius: FGSM, BIM, MI-FGSM and PGD.

    x <- project(x + step * steepest(gradient)),  steepest = sign in LINF

FGSM (Goodfellow et al. 2015, arXiv:1412.6572) is one step as long as the radius. BIM (Kurakin et
al. 2017, arXiv:1607.02533) makes several. MI-FGSM (Dong et al. 2018, arXiv:1710.06081) steps along
m <- momentum m + gradient / |gradient|_1. PGD (Madry et al. 2018, arXiv:1706.06083) starts
anywhere inside the radius. They are one search with four settings.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pasunchat.attacks.losses import LOSSES
from pasunchat.attacks.methods.common import (
    anywhere_inside,
    ask_on_grid,
    inside,
    steepest_step,
    usable_radius,
)
from pasunchat.attacks.norms import row_sums, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

TOGETHER = 2.5  # radii: the length of all steps of PGD


@dataclass(frozen=True)
class GradientStepsState:
    """shadow: where the search is, before the grid; mean: the gradients' momentum; both
    [N, 3, H, W]. radius, clock (gradients so far), done: [N]."""

    shadow: Tensor
    mean: Tensor
    radius: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class GradientSteps:
    """steps: gradients. step_size: the length of each as a share of the radius; by default
    2.5 / steps. random: start anywhere inside the radius, else at the photo. momentum: the share
    that is kept of the gradients before. objective: margin, ce or dlr."""

    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    aims: ClassVar[tuple[Aim, ...]] = ("within",)
    keeps: ClassVar[Keeps] = "nearest"

    steps: int = 40
    step_size: float | None = None
    random: bool = True
    momentum: float = 0.0
    objective: Literal["margin", "ce", "dlr"] = "margin"

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")
        for name, value in (("step_size", self.step_size or 0.0), ("momentum", self.momentum)):
            if not 0 <= value < inf:
                raise ValueError(f"{name}: expected a number of at least 0, got {value}")

    @property
    def about(self) -> str:
        """What these settings do."""
        if self.momentum:
            return "steps of one length along the mean of the gradients"
        if self.random:
            return "steps of one length along the gradient, from anywhere inside the radius"
        return "one step along the gradient" if self.steps == 1 else "steps along the gradient"

    @property
    def paper(self) -> str:
        """Whose these settings are."""
        if self.momentum:
            return "MI-FGSM: Dong et al. 2018, arXiv:1710.06081"
        if self.random:
            return "PGD: Madry et al. 2018, arXiv:1706.06083"
        if self.steps == 1:
            return "FGSM: Goodfellow et al. 2015, arXiv:1412.6572"
        return "BIM: Kurakin et al. 2017, arXiv:1607.02533"

    @property
    def when(self) -> str:
        """What these settings are for."""
        if self.random:
            return "the common yardstick inside a radius"
        return "a first, quick answer inside a radius"

    @property
    def cost(self) -> str:
        """What these settings cost."""
        return f"{self.steps} gradient{'s' * (self.steps > 1)}, less where one fools"

    def start(self, problem: Problem, keys: Tensor) -> GradientStepsState:
        radius = usable_radius(problem)
        clock = torch.zeros(len(keys), dtype=torch.int64, device=radius.device)
        shadow = anywhere_inside(problem, radius, keys) if self.random else problem.pixels
        return GradientStepsState(shadow, torch.zeros_like(shadow), radius, clock, clock.bool())

    def ask(self, problem: Problem, state: GradientStepsState) -> Ask:
        return ask_on_grid(problem, state.radius, state.shadow, state.clock < self.steps)

    def loss(self, problem: Problem, state: GradientStepsState, logits: Tensor) -> Tensor:
        return LOSSES[self.objective](logits, problem.goal)

    def step(
        self, problem: Problem, state: GradientStepsState, answer: Answer
    ) -> GradientStepsState:
        if answer.gradient is None:  # the last point has been asked about
            return replace(state, done=torch.ones_like(state.done))
        mean = answer.gradient
        if self.momentum:
            size = row_sums(mean.abs()).clamp_min(torch.finfo(mean.dtype).tiny)
            mean = self.momentum * state.mean + mean / wide(size)
        length = state.radius * (
            TOGETHER / self.steps if self.step_size is None else self.step_size
        )
        moved = state.shadow + wide(length) * steepest_step(problem.norm, mean)
        return GradientStepsState(
            shadow=inside(problem, state.radius, moved),
            mean=mean,
            radius=state.radius,
            clock=state.clock + 1,
            done=state.clock >= self.steps,
        )


FGSM = GradientSteps(steps=1, step_size=1.0, random=False)
BIM = GradientSteps(steps=10, step_size=0.1, random=False)
MI_FGSM = GradientSteps(steps=10, step_size=0.1, random=False, momentum=1.0)
PGD = GradientSteps()
