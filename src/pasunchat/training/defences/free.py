"""Free: each batch several times, its noise and the weights moved by the same pass (Shafahi et al.
2019, arXiv:1904.12843).

    n <- project(n + r steepest(gradient at x + n)),   and a step of the weights, `replays` times

Algorithm 1 of the paper, but that the noise begins anew with each batch, where theirs goes on from
the batch before: what a step does depends on nothing that was drawn before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pasunchat.training.defences.defence import DefenceInfo, DefendedBatch, refuse_out_of_range


@dataclass(frozen=True)
class Free:
    """Each batch several times, one pass for both gradients."""

    replays: int = 4  # steps on each batch; take as many times fewer epochs
    step_size: float = 1.0  # length of a step of the noise, in radii

    def __post_init__(self) -> None:
        refuse_out_of_range(self, replays=1, step_size=0)

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="each batch several times; one pass moves the weights and the noise",
            paper="Free: Shafahi et al. 2019, arXiv:1904.12843",
            when="with few epochs, where a pass for both gradients costs little more than one",
            cost=f"{self.replays} passes, and as many steps",
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """A loss for each replay, of the photos as changed so far."""
        found = batch.inside(batch.pixels + batch.anywhere())
        for _ in range(self.replays):
            found = found.detach().requires_grad_()
            yield batch.mean_loss(found)
            assert found.grad is not None  # the loop has gone back through the loss
            found = batch.inside(found.detach() + batch.ahead(found.grad, self.step_size))
