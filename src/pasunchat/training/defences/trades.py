"""TRADES: the clean loss, and how far the answer moves (Zhang et al. 2019, arXiv:1901.08573).

    loss(f(x), y) + beta KL(f(x) || f(x')),   x' the change inside the radius that moves it most

Equation 5 of the paper; as in the authors' program the search for x' begins at a tiny noise. Each
photo's divergence counts by its class's weight, as its loss does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.draws import draw_rows
from pasunchat.training.defences.defence import (
    DefenceInfo,
    DefendedBatch,
    refuse_out_of_range,
    share_of_step,
)

START = 1e-3  # standard deviation of the noise at which the search begins


@dataclass(frozen=True)
class Trades:
    """Right on photos, and the same answer around them."""

    beta: float = 4.0  # what the divergence counts beside the loss on clean photos
    steps: int = 1  # gradients
    step_size: float | None = None  # length of a step, in radii; none: 2.5 / steps, at most 1

    def __post_init__(self) -> None:
        refuse_out_of_range(self, beta=0, steps=1, step_size=0)

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="learns from clean photos, and to answer the same around them",
            paper="TRADES: Zhang et al. 2019, arXiv:1901.08573",
            when="to choose between clean and robust accuracy, by beta",
            cost=f"{self.steps + 2} passes, and one forward",
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss: both parts."""
        changed = self.inputs(batch)
        clean, moved = batch.logits(batch.pixels), batch.logits(changed)
        divergence = _divergence(clean, moved)
        if batch.loss.class_weights is not None:
            weights = batch.loss.class_weights[batch.targets.labels]
            divergence = divergence * weights * len(weights) / weights.sum()
        yield batch.loss(clean, batch.targets) + self.beta * divergence.mean()

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """Where the answer is compared with that to the photo, [N, 3, H, W] in [0, 1]."""
        clean = batch.steady_logits(batch.pixels)
        share, shape = share_of_step(self.steps, self.step_size), batch.pixels.shape[1:]
        noise = draw_rows(batch.keys, lambda g: torch.randn(shape, generator=g))
        found = batch.inside(batch.pixels + START * noise.to(batch.pixels))
        for _ in range(self.steps):
            gradient = batch.gradient(
                found, lambda logits: _divergence(clean.double(), logits.double()).sum()
            )
            found = batch.inside(found + batch.ahead(gradient, share))
        return found


def _divergence(clean: Tensor, moved: Tensor) -> Tensor:
    """KL(softmax(clean) || softmax(moved)) of each row, [N]."""
    return functional.kl_div(
        moved.log_softmax(1), clean.log_softmax(1), reduction="none", log_target=True
    ).sum(1)
