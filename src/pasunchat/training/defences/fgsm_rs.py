"""FGSM-RS: one step from anywhere inside the radius, clipped (Wong et al. 2020, arXiv:2001.03994).

project(n + 1.25 r steepest(gradient at x + n)),   n anywhere within the radius r
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pasunchat.training.defences.defence import DefenceInfo, DefendedBatch, refuse_out_of_range


@dataclass(frozen=True)
class FgsmRs:
    """One step from anywhere inside the radius, clipped to it."""

    step_size: float = 1.25  # length of the step, in radii

    def __post_init__(self) -> None:
        refuse_out_of_range(self, step_size=0)

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="one step along the gradient from anywhere inside the radius, clipped to it",
            paper="FGSM-RS: Wong, Rice and Kolter 2020, arXiv:2001.03994",
            when="to compare with others; at large radii it may overfit to its one step",
            cost="2 passes",
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss, of the photos so changed."""
        yield batch.mean_loss(self.inputs(batch))

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """What is trained on, [N, 3, H, W] in [0, 1]."""
        start = batch.inside(batch.pixels + batch.anywhere())
        return batch.inside(start + batch.ahead(batch.gradient(start), self.step_size))
