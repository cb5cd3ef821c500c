"""The talk's networks, in its order: linear, dense (one hidden layer), simple (convolutions).

All see pixels - 0.5, start as Keras does (Glorot uniform weights, zero biases) and give logits;
the talk's softmax is in the loss and in `Classifier.probabilities`.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from pasunchat.errors import PasunchatError

MOST_WEIGHTS = 500_000_000


@dataclass(frozen=True)
class Linear:
    """OUT = softmax(IN W + B): every input pixel is connected to every output."""

    about: ClassVar[str] = "softmax(IN W + B): every pixel connected to every class"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 1.0

    def build(self, classes: int, size: int) -> nn.Module:
        _refuse_too_many("linear", 3 * size * size * classes, classes, "smaller pictures")
        layers = OrderedDict(flatten=nn.Flatten(), dense=nn.Linear(3 * size * size, classes))
        return nn.Sequential(layers)

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        start_as_keras(network, generator)


@dataclass(frozen=True)
class Dense:
    """One hidden layer of `units` with relu between the pixels and the classes."""

    about: ClassVar[str] = "one hidden layer between the pixels and the classes"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 1.0

    units: int = 64

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError(f"units: expected 1 or more, got {self.units}")

    def build(self, classes: int, size: int) -> nn.Module:
        weights = 3 * size * size * self.units + self.units * classes
        instead = "fewer units (dense:units=64)"
        _refuse_too_many(f"dense with {self.units:,} units", weights, self.units + classes, instead)
        layers = OrderedDict(
            flatten=nn.Flatten(),
            hidden=nn.Linear(3 * size * size, self.units),
            relu=nn.ReLU(),
            dense=nn.Linear(self.units, classes),
        )
        return nn.Sequential(layers)

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        start_as_keras(network, generator)


@dataclass(frozen=True)
class Simple:
    """Three blocks of 3x3 convolution, 2x2 max-pooling and relu, then one dense layer.

    Relu stands behind the pooling: the same numbers and gradients as the talk's order, since
    relu and maximum commute, on a quarter of the values.
    """

    about: ClassVar[str] = "the talk's three blocks of convolution and pooling, then one layer"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 1.0

    def build(self, classes: int, size: int) -> nn.Module:
        if size < 8:
            raise PasunchatError(f"simple halves its input three times: size 8 or more, got {size}")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 3
        for block in (1, 2, 3):
            layers[f"conv{block}"] = nn.Conv2d(channels, 16, 3, padding=1)
            layers[f"pool{block}"] = nn.MaxPool2d(2)
            layers[f"relu{block}"] = nn.ReLU()
            channels = 16
        layers["flatten"] = nn.Flatten()
        layers["dense"] = nn.Linear(channels * (size // 8) ** 2, classes)
        return nn.Sequential(layers)

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        start_as_keras(network, generator)


def start_as_keras(network: nn.Module, generator: torch.Generator) -> None:
    """Glorot uniform weights (Glorot and Bengio 2010, equation 16) and zero biases."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _refuse_too_many(what: str, weights: int, biases: int, instead: str) -> None:
    """Before anything is allocated."""
    if weights > MOST_WEIGHTS:
        raise PasunchatError(
            f"{what} needs {weights:,} weights and {biases:,} biases, more than the "
            f"{MOST_WEIGHTS:,} weights that can be trained here; take {instead}, or local "
            "connections and shared kernels (simple)"
        )
