"""tiny: as accurate as can be with no more parameters than the talk's network (30,178).

A plan is data: stages, each behind a 2x2 maximum, of blocks of one kind. One more kind is one
function in BLOCKS, one more plan one row in PLANS. Every plan stays within the budget for two
classes, counted without the running statistics of batch norms, which are not trained.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import nn

from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.layers import Added, MeanPool, normed, rectified, start_as_he
from pasunchat.errors import PasunchatError

STEM = 16  # channels of the first convolution, which halves


class Stage(NamedTuple):
    """A 2x2 maximum, then `repeat` blocks of a kind in BLOCKS with `channels` outputs each."""

    kind: str
    channels: int
    repeat: int


PLANS: Mapping[str, tuple[Stage, ...]] = {
    "separable": (Stage("separable", 32, 2), Stage("separable", 48, 3), Stage("separable", 80, 3)),
    "plain": (Stage("plain", 16, 3), Stage("plain", 24, 3), Stage("plain", 32, 1)),
    "mixed": (Stage("plain", 24, 2), Stage("separable", 48, 4), Stage("separable", 72, 2)),
}


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 in each channel, then 1x1 over the channels (Howard et al. 2017, arXiv:1704.04861)."""
    each = rectified(normed(inputs, inputs, groups=inputs))
    across = rectified(normed(inputs, outputs, 1))
    return nn.Sequential(OrderedDict(depthwise=each, pointwise=across))


def plain(inputs: int, outputs: int) -> nn.Sequential:
    """One 3x3 convolution."""
    return rectified(normed(inputs, outputs))


BLOCKS: Mapping[str, Callable[[int, int], nn.Sequential]] = {
    "separable": separable,
    "plain": plain,
}


@dataclass(frozen=True)
class Tiny:
    """A convolution that halves, the stages of `plan`, mean over the map, one layer. Any side."""

    about: ClassVar[str] = "as accurate as the talk's 30,178 parameters allow"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.25
    frozen: ClassVar[bool] = False
    size: ClassVar[int] = 128

    plan: str = "separable"

    def __post_init__(self) -> None:
        if self.plan not in PLANS:
            raise ValueError(f'plan: expected one of {", ".join(PLANS)}, got "{self.plan}"')

    def build(self, classes: int, size: int) -> nn.Module:
        stages = PLANS[self.plan]
        smallest = 2 ** (len(stages) + 1)
        if size < smallest:
            raise PasunchatError(
                f"tiny halves its input {len(stages) + 1} times: "
                f"size {smallest} or more, got {size}"
            )
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = rectified(normed(3, STEM, stride=2))
        channels = STEM
        for number, stage in enumerate(stages, 1):
            parts[f"pool{number}"] = nn.MaxPool2d(2)
            for place in range(1, stage.repeat + 1):
                block = BLOCKS[stage.kind](channels, stage.channels)
                added = channels == stage.channels
                parts[f"stage{number}_block{place}"] = Added(block) if added else block
                channels = stage.channels
        parts["pool"] = MeanPool()
        head = nn.Sequential(OrderedDict(dense=nn.Linear(channels, classes)))
        return BaseAndHead(nn.Sequential(parts), head)

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        start_as_he(network, generator)
