"""What must happen, to which pixels, and on which grid."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pasunchat.attacks.norms import L2, Norm

TIE = 1e-6


@dataclass(frozen=True)
class Goal:
    """Reach class t, or leave class y, for each row. classes: int64 [N]."""

    classes: Tensor
    reach: bool = True

    def margin(self, logits: Tensor) -> Tensor:
        """How far inside the goal the logits [N, C] are, [N], above 0 when reached.

        Reach: z_t - max of the others. Leave: max of the others - z_y.
        """
        ours = logits.gather(1, self.classes[:, None]).squeeze(1)
        others = logits.scatter(1, self.classes[:, None], -torch.inf).amax(1)
        lead = ours - others
        return lead if self.reach else -lead

    def reached(self, logits: Tensor) -> Tensor:
        """Whether each row is reached, bool [N]. A tie is not."""
        return self.margin(logits) > TIE

    def to(self, device: torch.device | str) -> "Goal":
        """The same goal, on a device."""
        return replace(self, classes=self.classes.to(device))

    def rows(self, index: Tensor) -> "Goal":
        """The goal of some rows."""
        return replace(self, classes=self.classes[index])


@dataclass(frozen=True)
class Problem:
    """The least change to `pixels` that meets `goal`.

    pixels: float [N, 3, H, W] in [0, 1]. norm: what least means. levels: how many values a pixel
    may take in the end (256: an 8-bit file), or None for any.
    """

    pixels: Tensor
    goal: Goal
    norm: Norm = L2
    levels: int | None = 256

    def snap(self, pixels: Tensor) -> Tensor:
        """The nearest pixels on the grid of levels."""
        if self.levels is None:
            return pixels
        steps = self.levels - 1
        return (pixels * steps).round().div(steps)

    def rows(self, index: Tensor) -> "Problem":
        """The problem of some rows."""
        return replace(self, pixels=self.pixels[index], goal=self.goal.rows(index))
