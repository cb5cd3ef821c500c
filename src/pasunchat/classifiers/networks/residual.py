"""residual: a small residual network, for images of about 112 to 160 pixels.

Blocks of He et al. 2016 (arXiv:1512.03385). What differs from theirs:
- small images leave a quarter of the side after the stem, a sixteenth at the end;
- a block that halves does so by averaging 2x2 behind its first relu, against aliasing (Zhang 2019,
  arXiv:1904.11486); its shortcut averages before the 1x1 (He et al. 2019, arXiv:1812.01187);
- the last batch norm of a block starts at zero, so that each block starts as the identity (Goyal
  et al. 2017, arXiv:1706.02677);
- mean and maximum over the last map both reach the head.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.layers import MeanMaxPool, normed, rectified, start_as_he
from pasunchat.errors import PasunchatError

SMALLEST = 16  # the side that leaves one position at the end


@dataclass(frozen=True)
class Residual:
    """Two convolutions that halve, three stages of `depth` blocks, mean and maximum, one layer.

    squeeze is squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507), skip is stochastic depth
    (Huang et al. 2016, arXiv:1603.09382), where earlier blocks are left out less often.
    """

    about: ClassVar[str] = "our own small residual network, for pictures of 112 to 160 pixels"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.25
    frozen: ClassVar[bool] = False
    size: ClassVar[int] = 128

    width: int = 32  # channels of the first stage; the others have twice and four times as many
    depth: int = 2  # blocks of each stage
    dropout: float = 0.0  # of the features
    squeeze: int = 0  # channels of a block for each hidden unit of its squeeze; 0 for none
    skip: float = 0.0  # how often the last block is left out of a training step for an image

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("depth", 1), ("squeeze", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected {least} or more, got {getattr(self, name)}")
        for name in ("dropout", "skip"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 0 to below 1, got {getattr(self, name)}")

    def build(self, classes: int, size: int) -> nn.Module:
        if size < SMALLEST:
            raise PasunchatError(
                f"residual halves its input four times: size {SMALLEST} or more, got {size}"
            )
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem1"] = rectified(normed(3, self.width, stride=2))
        parts["stem2"] = rectified(normed(self.width, self.width, stride=2))
        channels, blocks = self.width, 3 * self.depth
        for index in range(blocks):
            stage, place = divmod(index, self.depth)
            parts[f"stage{stage + 1}_block{place + 1}"] = Block(
                channels,
                self.width * 2**stage,
                halve=stage > 0 and place == 0,
                squeeze=self.squeeze,
                skip=self.skip * (index + 1) / blocks,
            )
            channels = self.width * 2**stage
        parts["pool"] = MeanMaxPool()
        head = OrderedDict(dropout=nn.Dropout(self.dropout), dense=nn.Linear(2 * channels, classes))
        return BaseAndHead(nn.Sequential(parts), nn.Sequential(head))

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        start_as_he(network, generator)
        for part in network.modules():
            if isinstance(part, Block):
                nn.init.zeros_(part.conv2.get_parameter("norm.weight"))


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut: [N, inputs, H, W] -> [N, outputs, H, W], or half the
    rows and columns."""

    def __init__(
        self, inputs: int, outputs: int, *, halve: bool, squeeze: int, skip: float
    ) -> None:
        super().__init__()
        self.conv1 = rectified(normed(inputs, outputs))
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.conv2 = normed(outputs, outputs)
        self.squeeze = Squeeze(outputs, squeeze) if squeeze else nn.Identity()
        self.skip = Skip(skip) if skip else nn.Identity()
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2) if halve else nn.Identity(),
            normed(inputs, outputs, 1) if inputs != outputs else nn.Identity(),
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        branch = self.conv2(self.pool(self.conv1(maps)))
        result: Tensor = self.relu(self.skip(self.squeeze(branch)) + self.shortcut(maps))
        return result


class Squeeze(nn.Module):
    """Squeeze-and-excitation: each channel times a factor in (0, 1) that follows from all means."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        hidden = max(1, channels // ratio)
        self.down = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.up = nn.Conv2d(hidden, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        means = maps.mean((2, 3), keepdim=True)
        result: Tensor = maps * self.up(self.relu(self.down(means))).sigmoid()
        return result


class Skip(nn.Module):
    """In training, zero for an image with probability `rate`, else scaled to the same mean."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training:
            return branch
        kept = torch.rand(len(branch), 1, 1, 1, device=branch.device) >= self.rate
        return branch * kept.to(branch.dtype) / (1 - self.rate)
