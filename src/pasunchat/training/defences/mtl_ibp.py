"""MTL-IBP: the loss under an attack, and a share of the loss that intervals leave possible (De
Palma et al. 2024, "Expressive losses for verified robustness via convex combinations",
arXiv:2305.13991).

    (1 - share) loss(f(x')) + share loss(worst logits within the radius r),   x' as of FGSM-RS

One step is enough for its attack on a small network. Intervals are far wider than the bounds that
`pasunchat certify` draws, so that a small share is enough to make those narrow; a larger one costs
accuracy.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.training.defences.defence import DefenceInfo, DefendedBatch, refuse_out_of_range
from pasunchat.training.defences.fgsm_rs import FgsmRs
from pasunchat.training.defences.intervals import worst_logits
from pasunchat.training.inputs import Targets


@dataclass(frozen=True)
class MtlIbp:
    """Withstands an attack, by a network of which it can be proved."""

    share: float = 0.02  # of the loss, for what intervals leave possible; 1: for that alone

    def __post_init__(self) -> None:
        refuse_out_of_range(self, share=0)
        if self.share > 1:
            raise ValueError(f"share: expected 1 or less, got {self.share}")

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="one step along the gradient, and narrow bounds of all that is near the photo",
            paper="MTL-IBP: De Palma et al. 2024, arXiv:2305.13991",
            when="to prove more by `certify`, of networks of a few layers (simple, dense)",
            cost="5 to 7 passes",
            against=("linf",),
            proves=True,
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss: both parts."""
        attacked = batch.mean_loss(self.inputs(batch))
        yield torch.lerp(attacked, self.possible(batch), self.share)

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """What the first part is trained on, [N, 3, H, W] in [0, 1]."""
        return FgsmRs().inputs(batch)

    def possible(self, batch: DefendedBatch) -> Tensor:
        """The loss that is not beaten anywhere in the box around each photo, a scalar."""
        labels = batch.targets.labels
        logits = worst_logits(batch.classifier, batch.pixels, batch.radius, labels)
        return batch.loss(logits, Targets(labels))
