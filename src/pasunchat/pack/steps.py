"""A network as plain steps and numbers, and what they answer.

The page's own script runs them in typed arrays; `ask` runs them by torch, for comparison.
"""

import base64
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Op = Literal[
    "conv", "dense", "relu", "max", "mean", "whole-mean", "whole-max", "scale", "flatten", "add",
    "join",
]  # fmt: skip
Pair = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One step. Value 0 is the normalised input [3, size, size]; step i gives value i + 1."""

    op: Op
    name: str  # of its layer in the network
    of: tuple[int, ...]  # the values it takes
    shape: tuple[int, ...] = ()  # of what it gives, of one picture
    weight: int | None = None  # where its weights begin among the numbers
    bias: int | None = None
    kernel: Pair = (1, 1)  # rows, columns; likewise the next two
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1
    most: float | None = None  # of a relu that is cut off


@dataclass(frozen=True)
class NetworkInPage:
    """All that a page needs to answer as a classifier does."""

    size: int
    framing: str
    columns_first: bool  # how the program's Pillow resizes
    mirrored: bool
    classes: tuple[str, ...]
    channels: tuple[int, int, int]  # which of R, G and B comes first, second and third
    scale: tuple[float, float, float]  # value = pixel in [0, 1] * scale + shift
    shift: tuple[float, float, float]
    steps: tuple[Step, ...]
    numbers: str  # float32, little endian, in base64


def ask(network: NetworkInPage, pixels: Tensor) -> Tensor:
    """Logits [N, C] of pixels, float [N, 3, size, size] in [0, 1], by the steps alone."""
    logits = _asked(network, pixels)
    return (logits + _asked(network, pixels.flip(3))) / 2 if network.mirrored else logits


def _asked(network: NetworkInPage, pixels: Tensor) -> Tensor:
    numbers = torch.from_numpy(np.frombuffer(base64.b64decode(network.numbers), "<f4").copy())
    scale, shift = (torch.tensor(each).view(1, 3, 1, 1) for each in (network.scale, network.shift))
    values = [pixels[:, list(network.channels)] * scale + shift]
    for step in network.steps:
        values.append(_done(step, [values[at] for at in step.of], numbers))
    return values[-1]


def _done(step: Step, given: list[Tensor], numbers: Tensor) -> Tensor:
    """What a step gives, [N, ...]."""
    first = given[0]
    outputs = step.shape[0]

    def part(at: int | None, *shape: int) -> Tensor:
        assert at is not None
        return numbers[at : at + prod(shape)].view(shape)

    match step.op:
        case "conv":
            weight = part(step.weight, outputs, first.shape[1] // step.groups, *step.kernel)
            bias = part(step.bias, outputs)
            return functional.conv2d(first, weight, bias, step.stride, step.padding, 1, step.groups)
        case "dense":
            weight = part(step.weight, outputs, first.shape[1])
            return functional.linear(first, weight, part(step.bias, outputs))
        case "relu":
            return first.clamp(0, step.most)
        case "max":
            return functional.max_pool2d(first, step.kernel, step.stride, step.padding)
        case "mean":
            return functional.avg_pool2d(first, step.kernel, step.stride)
        case "whole-mean":
            return first.mean((2, 3)).view(len(first), *step.shape)
        case "whole-max":
            return first.amax((2, 3)).view(len(first), *step.shape)
        case "scale":
            by, plus = (part(at, 1, outputs, 1, 1) for at in (step.weight, step.bias))
            return first * by + plus
        case "flatten":
            return first.flatten(1)
        case "add":
            return first + given[1]
        case "join":
            return torch.cat(given, 1)
