"""The talk's networks, in its order: linear, dense (one hidden layer), simple (convolutions).

Their input is pixels - 0.5; they start as Keras does (Glorot uniform weights, zero biases) and give
logits. The talk's softmax is in the loss and in `Classifier.probabilities`.
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
    """IN W + B: every input value is connected to every output."""

    about: ClassVar[str] = "softmax(IN W + B): every pixel connected to every class"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 1.0
    frozen: ClassVar[bool] = False
    size: ClassVar[int] = 224

    def build(self, classes: int, size: int) -> nn.Module:
        _refuse_too_many("linear", 3 * size * size * classes, classes, "smaller images")
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
    frozen: ClassVar[bool] = False
    size: ClassVar[int] = 224

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
    """Blocks of 3x3 convolution, 2x2 max-pooling and relu, then one dense layer.

    Relu stands behind the pooling, where it runs on a quarter of the values: relu and maximum
    commute, so numbers and gradients are those of the talk's order.
    """

    about: ClassVar[str] = "the talk's three blocks of convolution and pooling, then one layer"
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 1.0
    frozen: ClassVar[bool] = False
    size: ClassVar[int] = 224

    width: int = 16  # channels of each convolution
    depth: int = 3  # blocks
    dropout: float = 0.0  # of the dense layer's input
    batch_norm: bool = False  # one behind each convolution, which then has no bias

    def __post_init__(self) -> None:
        for name in ("width", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 to below 1, got {self.dropout}")

    def build(self, classes: int, size: int) -> nn.Module:
        if size >> self.depth < 1:
            raise PasunchatError(
                f"simple with depth {self.depth} halves its input {self.depth} times: "
                f"size {2**self.depth} or more, got {size}"
            )
        seen = self.width * (size >> self.depth) ** 2
        weights = 9 * self.width * (3 + (self.depth - 1) * self.width) + seen * classes
        biases = self.width * self.depth + classes
        _refuse_too_many(f"simple with width {self.width:,}", weights, biases, "less width")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 3
        for block in range(1, self.depth + 1):
            layers[f"conv{block}"] = nn.Conv2d(
                channels, self.width, 3, padding=1, bias=not self.batch_norm
            )
            if self.batch_norm:
                layers[f"norm{block}"] = nn.BatchNorm2d(self.width)
            layers[f"pool{block}"] = nn.MaxPool2d(2)
            layers[f"relu{block}"] = nn.ReLU()
            channels = self.width
        layers["flatten"] = nn.Flatten()
        if self.dropout:
            layers["dropout"] = nn.Dropout(self.dropout)
        layers["dense"] = nn.Linear(seen, classes)
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
