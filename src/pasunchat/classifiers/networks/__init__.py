"""NETWORKS: every network by name. One more is one file and one row here."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import torch
from torch import nn

from pasunchat.classifiers.networks.efficientnet_lite0 import EfficientNetLite0
from pasunchat.classifiers.networks.residual import Residual
from pasunchat.classifiers.networks.talk import Dense, Linear, Simple
from pasunchat.classifiers.networks.tiny import Tiny
from pasunchat.classifiers.networks.vgg16 import VGG16


class Network(Protocol):
    """A frozen dataclass whose fields are the network's settings ("dense:units=64")."""

    frozen: ClassVar[bool]
    """Whether it has a pretrained base, which is trained only where the recipe says so."""

    size: ClassVar[int]
    """The usual side of its images, in pixels."""

    @property
    def about(self) -> str:
        """One sentence: what it is."""

    @property
    def mean(self) -> float | tuple[float, ...]:
        """What is subtracted from pixels in [0, 1] before the network sees them."""

    @property
    def std(self) -> float | tuple[float, ...]:
        """What they are then divided by."""

    def build(self, classes: int, size: int) -> nn.Module:
        """The layers, [N, 3, size, size] -> logits [N, classes], with weights as torch leaves them.

        A `BaseAndHead` where a training may cache its features or fine-tune its base.
        """

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        """Set the first weights of what `build` made: drawn from `generator`, or pretrained."""


NETWORKS: Mapping[str, Network] = {
    "linear": Linear(),
    "dense": Dense(),
    "simple": Simple(),
    "tiny": Tiny(),
    "residual": Residual(),
    "vgg16": VGG16(),
    "efficientnet-lite0": EfficientNetLite0(),
}
