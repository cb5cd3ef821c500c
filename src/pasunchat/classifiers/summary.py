"""What a classifier is made of: layers, shapes, parameters, multiply-adds, input pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier


@dataclass(frozen=True)
class Layer:
    """One layer. shape: of its output for one picture, as the talk writes it (rows, columns,
    channels). seen: rows and columns of input pixels that one of its units depends on."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    seen: tuple[int, int]


@dataclass(frozen=True)
class Summary:
    """The layers in the order they run, and their sums."""

    network: str
    classes: tuple[str, ...]
    size: int
    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    multiply_adds: int


KINDS = {
    nn.Conv2d: "convolution",
    nn.MaxPool2d: "max-pooling",
    nn.AvgPool2d: "average-pooling",
    nn.Flatten: "flatten",
    nn.Linear: "dense",
    nn.ReLU: "relu",
}


def describe(classifier: Classifier, size: int | None = None) -> Summary:
    """Run one blank picture of `size` (else the classifier's own) and note each layer.

    Input pixels per unit are exact where layers follow one another, as in the talk's networks.
    """
    side = size or classifier.size or 224
    noted: list[Layer] = []
    field = _Field(side)
    leaves = [
        (name, part) for name, part in classifier.network.named_modules() if not [*part.children()]
    ]
    hooks = [
        part.register_forward_hook(
            lambda part, _, out, name=name: noted.append(_layer(name, part, out, field))
        )
        for name, part in leaves
    ]
    try:
        blank = torch.zeros(1, 3, side, side, device=classifier.mean.device)
        with torch.inference_mode():
            classifier(blank)
    finally:
        for hook in hooks:
            hook.remove()
    numbers = list(classifier.network.parameters())
    return Summary(
        network=classifier.network_name or type(classifier.network).__name__,
        classes=classifier.classes,
        size=side,
        layers=tuple(noted),
        parameters=sum(p.numel() for p in numbers),
        trainable=sum(p.numel() for p in numbers if p.requires_grad),
        multiply_adds=sum(layer.multiply_adds for layer in noted),
    )


class _Field:
    """Input pixels seen by one unit, followed from layer to layer (Araujo et al. 2019, eq. 2)."""

    def __init__(self, size: int) -> None:
        self.size, self.seen, self.stride = size, 1, 1

    def through(self, part: nn.Module) -> tuple[int, int]:
        if isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, step = _first(part.kernel_size), _first(part.stride)
            dilation = _first(getattr(part, "dilation", 1))
            self.seen += dilation * (kernel - 1) * self.stride
            self.stride *= step
        elif isinstance(part, nn.Linear):
            self.seen = self.size
        side = min(self.seen, self.size)
        return side, side


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _layer(name: str, part: nn.Module, out: Tensor, field: _Field) -> Layer:
    shape = tuple(out.shape[1:])
    numbers = list(part.parameters(recurse=False))
    return Layer(
        name=name,
        kind=KINDS.get(type(part), type(part).__name__.lower()),
        shape=(*shape[1:], shape[0]) if len(shape) == 3 else shape,
        parameters=sum(p.numel() for p in numbers),
        trainable=sum(p.numel() for p in numbers if p.requires_grad),
        multiply_adds=_multiply_adds(part, out),
        seen=field.through(part),
    )


def _multiply_adds(part: nn.Module, out: Tensor) -> int:
    if isinstance(part, nn.Conv2d | nn.Linear):
        positions = out[0].numel() // out.shape[1]
        return positions * part.weight.numel()
    return 0
