"""A smoothed classifier: what another one says of a picture under Gaussian noise, by vote.

Cohen, Rosenfeld and Kolter 2019, "Certified Adversarial Robustness via Randomized Smoothing": a
class that wins the vote clearly wins it for every picture nearby in L2, whatever the network is
(certificates/votes.py). It is another classifier than the one inside it: rarely as accurate, and
useless where the one inside has never seen noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.versions import answers, around, asking, led_by, winner
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator

KEPT = 4  # sets of noise


@dataclass(frozen=True)
class Smoothing:
    """What is drawn around a picture."""

    sigma: float = 0.25  # of the noise on each value; pixels in [0, 1]
    draws: int = 32  # the pictures that it votes on where it answers, always the same noise
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.sigma < inf:
            raise PasunchatError(
                f"sigma: expected a number above 0, such as 0.25, got {self.sigma:g}"
            )
        if self.draws < 1:
            raise PasunchatError(f"draws: expected 1 or more, got {self.draws}")


def smooth(classifier: Classifier, smoothing: Smoothing, known_as: str) -> Classifier:
    """The classifier, smoothed.

    Noise is added to the pixels in [0, 1], in float and not clipped, before anything else is done
    to them. The label is the vote of `draws` noisy pictures; the other logits are the logarithm of
    the mean of their softmax, whose gradient attacks follow (Salman et al. 2019, SmoothAdv). So an
    attack is judged by the very function that it searches. The noise is the same for every
    picture, so a search can learn it by heart: what it finds says that this classifier is fooled,
    not that the ideal one is, which is certified on fresh noise.
    """
    return around(Smoothed(classifier, smoothing), classifier, known_as)


class Smoothed(nn.Module):
    """The network of a smoothed classifier: pixels, float [N, 3, H, W] in [0, 1], to logits."""

    def __init__(self, classifier: Classifier, smoothing: Smoothing) -> None:
        super().__init__()
        self.classifier = classifier
        self.smoothing = smoothing

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C], of which the largest is that of the vote."""
        wanted = self.smoothing
        noise = _fixed_noise(wanted.seed, wanted.draws, *pixels.shape[1:]).to(pixels) * wanted.sigma

        def noisy(shown: Tensor, which: range) -> Tensor:
            return shown[:, None] + noise[which.start : which.stop]

        found = answers(asking(self.classifier), noisy, wanted.draws, pixels)
        return led_by(found.mean, winner(found))

    def get_extra_state(self) -> Any:
        """What the digest covers besides the weights."""
        return f"{self.smoothing} of {self.classifier.digest()}"


@lru_cache(maxsize=KEPT)
def _fixed_noise(seed: int, draws: int, *shape: int) -> Tensor:
    """Standard normal noise, float32 [draws, *shape]: each draw a function of seed and place."""
    drawn = [torch.randn(shape, generator=generator(seed, "smoothed", k)) for k in range(draws)]
    return torch.stack(drawn).contiguous(memory_format=torch.channels_last)
