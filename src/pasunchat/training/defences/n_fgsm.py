"""N-FGSM: one step from noisy photos, kept as it falls (de Jorge et al. 2022, arXiv:2202.01181).

    x + n + r steepest(gradient at x + n),   n anywhere within `noise` radii r

Algorithm 1 of the paper. What it trains on is not put back inside the radius: it may be `noise` + 1
radii away, and that is what keeps one step from overfitting to itself. As in the authors' program
both points are kept in [0, 1].
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pasunchat.training.defences.defence import DefenceInfo, DefendedBatch, refuse_out_of_range

USUAL_NOISE = {"linf": 2.0}  # in L2 almost all of a ball is near its surface: 1 there


@dataclass(frozen=True)
class NFgsm:
    """One step from noisy photos, not clipped to the radius."""

    noise: float | None = None  # how far the noise reaches, in radii; none: 2 in LINF, 1 in L2
    step_size: float = 1.0  # length of the step, in radii

    def __post_init__(self) -> None:
        refuse_out_of_range(self, noise=0, step_size=0)

    @property
    def info(self) -> DefenceInfo:
        """What these settings are, and whose."""
        return DefenceInfo(
            about="one step along the gradient from a noisy photo, not clipped to the radius",
            paper="N-FGSM: de Jorge et al. 2022, arXiv:2202.01181",
            when="the default: as robust as dearer ones on small networks",
            cost="2 passes",
            inside=False,
        )

    def losses(self, batch: DefendedBatch) -> Iterator[Tensor]:
        """One loss, of the photos so changed."""
        yield batch.mean_loss(self.inputs(batch))

    def inputs(self, batch: DefendedBatch) -> Tensor:
        """What is trained on, [N, 3, H, W] in [0, 1]."""
        noise = USUAL_NOISE.get(batch.norm.name, 1.0) if self.noise is None else self.noise
        noisy = (batch.pixels + batch.anywhere(noise)).clamp_(0, 1)
        return (noisy + batch.ahead(batch.gradient(noisy), self.step_size)).clamp_(0, 1)
