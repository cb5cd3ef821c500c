"""Noise: photos under Gaussian noise, the training for votes (Cohen et al. 2019, arXiv:1902.02918).

    x + sigma n,   n standard normal

Not clipped to [0, 1], as the votes of randomised smoothing are not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.draws import draw_rows
from pasunchat.norms import batch_view
from pasunchat.training.defences.defence import DefenceInfo, DefendedBatch


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, whose standard deviation stands where others have a radius."""

    @property
    def info(self) -> DefenceInfo:
        """What it is, and whose."""
        return DefenceInfo(
            about="Gaussian noise on each photo, not clipped to the range of pixels",
            paper="Randomised smoothing: Cohen, Rosenfeld and Kolter 2019, arXiv:1902.02918",
            when="for votes (`smoothed:`), whose answers can be proved in L2",
            cost="1 pass",
            against=("noise",),
            inside=False,
            in_range=False,
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss, of the noisy photos."""
        yield batch.mean_loss(self.inputs(batch))

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """What is trained on, [N, 3, H, W]."""
        return noisy(batch.pixels, batch.radius, batch.keys)


def noisy(pixels: Tensor, sigma: Tensor, keys: Tensor) -> Tensor:
    """Pixels [N, 3, H, W] with Gaussian noise of the standard deviations sigma [N]."""
    shape = pixels.shape[1:]
    noise = draw_rows(keys, lambda generator: torch.randn(shape, generator=generator))
    return pixels + batch_view(sigma) * noise.to(pixels)
