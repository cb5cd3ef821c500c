"""Pieces that several networks are made of."""

from collections import OrderedDict

import torch
from torch import Tensor, nn


def normed(
    inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution without bias, batch norm (Ioffe and Szegedy 2015); sides kept, but for stride."""
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outputs)))


def rectified(layers: nn.Sequential) -> nn.Sequential:
    """The same layers with a relu behind them."""
    layers.add_module("relu", nn.ReLU(inplace=True))
    return layers


class Added(nn.Module):
    """A block plus its own input."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = maps + self.block(maps)
        return result


class MeanPool(nn.Module):
    """Mean over the map: [N, C, H, W] -> [N, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))


class MeanMaxPool(nn.Module):
    """Mean and maximum over the map, side by side: [N, C, H, W] -> [N, 2C]."""

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat((maps.mean((2, 3)), maps.amax((2, 3))), 1)


def start_as_he(network: nn.Module, generator: torch.Generator) -> None:
    """Convolutions normal with variance 2 / inputs (He et al. 2015, equation 10), dense layers
    Glorot uniform, biases zero, batch norms one and zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
