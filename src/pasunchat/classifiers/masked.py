"""A masked classifier: what another one says of a picture with windows blanked, by vote.

Xiang, Mahloujifar and Mittal 2022, "PatchCleanser: Certifiably Robust Defense against Adversarial
Patches for Any Image Classifier": whatever a square patch shows, one of the windows hides it whole
(certificates/masks.py). It is another classifier than the one inside it.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.versions import Answers, Ask, answers, around, asking, led_by, winner
from pasunchat.errors import PasunchatError

BLANK = 0.5  # what a window shows: grey


@dataclass(frozen=True)
class Masking:
    """Which windows are blanked."""

    area: float = 0.02  # of the largest patch that is always hidden, as a share of the picture's
    windows: int = 6  # along each side

    def __post_init__(self) -> None:
        if not 0 < self.area < 1:
            raise PasunchatError(
                f"area: expected a share between 0 and 1, such as 0.02, got {self.area:g}"
            )
        if self.windows < 2:
            raise PasunchatError(f"windows: expected 2 or more, got {self.windows}")


def mask(classifier: Classifier, masking: Masking, known_as: str) -> Classifier:
    """The classifier, masked.

    The label is that of PatchCleanser's two rounds (algorithm 1). Two rounds have no gradient: the
    other logits are the logarithm of the mean softmax of the first round, and attacks follow its
    gradient. What they reach is judged by the two rounds, by the same function; but they do not
    know the second one, so that they may miss what an attack made for it finds.
    """
    return around(Masked(classifier, masking), classifier, known_as)


class Masked(nn.Module):
    """The network of a masked classifier: pixels, float [N, 3, H, W] in [0, 1], to logits."""

    def __init__(self, classifier: Classifier, masking: Masking) -> None:
        super().__init__()
        self.classifier = classifier
        self.masking = masking

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C], of which the largest is that of the two rounds."""
        shown = shown_beside(self.masking, *pixels.shape[2:]).to(pixels.device)

        def blanked(some: Tensor, which: range) -> Tensor:
            return blank(some, shown[which.start : which.stop])

        ask = asking(self.classifier)
        first = answers(ask, blanked, len(shown), pixels)
        labels = [
            two_rounds(ask, picture, shown, Answers(mean[None], each[None]))
            for picture, mean, each in zip(pixels.detach(), first.mean, first.each, strict=True)
        ]
        return led_by(first.mean, torch.tensor(labels, device=pixels.device))

    def get_extra_state(self) -> Any:
        """What the digest covers besides the weights."""
        return f"{self.masking} of {self.classifier.digest()}"


@torch.no_grad()
def two_rounds(ask: Ask, picture: Tensor, shown: Tensor, first: Answers) -> int:
    """The label of one picture, [3, H, W]: what most of the first round say, unless a window that
    dissents has its way with every second window blanked too.

    shown: see `shown_beside`. first: what is said with each window blanked, [1, C] and [1, K].
    """
    label = int(winner(first))
    for window, other in enumerate(first.each[0].tolist()):
        if other != label:
            both = blank(picture[None], shown & shown[window])[0]
            if bool((ask(both).argmax(1) == other).all()):
                return int(other)
    return label


def blank(pixels: Tensor, shown: Tensor) -> Tensor:
    """Pixels [N, 3, H, W], grey where `shown`, bool [K, 1, H, W], is false: [N, K, 3, H, W]."""
    return torch.where(shown, pixels[:, None], pixels.new_tensor(BLANK))


def shown_beside(masking: Masking, height: int, width: int) -> Tensor:
    """What each of windows ** 2 windows leaves of a picture, bool [K, 1, height, width].

    Every square patch of whole pixels up to the area, wherever it lies, is inside one of them. Of
    the patch's starts along a side, each window covers an equal part (the paper's section 3.4).
    Raises PasunchatError where such a patch is higher or wider than the picture.
    """
    side = patch_side(masking.area, height, width)
    if side > min(height, width):
        raise PasunchatError(
            f"area={masking.area:g}: expected a square that fits into {height} x {width} pixels, "
            f"got one of {side}; take a smaller area"
        )
    rows = _hidden(height, side, masking.windows)
    columns = _hidden(width, side, masking.windows)
    return ~(rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)[:, None]


def patch_side(area: float, height: int, width: int) -> int:
    """The side in pixels of the least square that has this share of a picture's area or more."""
    return ceil(sqrt(area * height * width))


def _hidden(length: int, side: int, windows: int) -> Tensor:
    """What each window hides of a line, bool [windows, length]."""
    starts = length - side + 1  # places of the patch
    step = ceil(starts / windows)
    size = side + step - 1
    first = torch.arange(windows).mul(step).clamp_max(length - size)[:, None]
    at = torch.arange(length)[None]
    return (at >= first) & (at < first + size)
