"""PGD: several steps inside the radius (Madry et al. 2018, arXiv:1706.06083).

x <- project(x + step steepest(gradient)),   from anywhere within the radius
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pasunchat.training.defences.defence import (
    DefenceInfo,
    DefendedBatch,
    refuse_out_of_range,
    share_of_step,
)


@dataclass(frozen=True)
class Pgd:
    """Several steps along the gradient, from anywhere inside the radius."""

    steps: int = 2  # gradients
    step_size: float | None = None  # length of a step, in radii; none: 2.5 / steps, at most 1

    def __post_init__(self) -> None:
        refuse_out_of_range(self, steps=1, step_size=0)

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="several steps along the gradient, from anywhere inside the radius",
            paper="PGD: Madry et al. 2018, arXiv:1706.06083",
            when="where one step overfits to itself: deep networks, large radii",
            cost=f"{self.steps + 1} passes",
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss, of the photos so changed."""
        yield batch.mean_loss(self.inputs(batch))

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """What is trained on, [N, 3, H, W] in [0, 1]."""
        share = share_of_step(self.steps, self.step_size)
        found = batch.inside(batch.pixels + batch.anywhere())
        for _ in range(self.steps):
            found = batch.inside(found + batch.ahead(batch.gradient(found), share))
        return found
