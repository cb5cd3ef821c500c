"""Summary: a classifier layer by layer: shapes, parameters, multiply-adds, input pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from pasunchat.classifiers.adapter import Adapter
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks.layers import MeanMaxPool, MeanPool


@dataclass(frozen=True)
class Layer:
    """One layer."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of its output for one image: rows, columns, channels, as in the talk
    parameters: int
    trainable: int  # how many of the parameters are trained
    multiply_adds: int  # for one image
    seen: tuple[int, int]  # rows and columns of input pixels that one of its units depends on


@dataclass(frozen=True)
class Summary:
    """The layers in the order they run, and their sums."""

    network: str  # its name in NETWORKS, else its Python class
    classes: tuple[str, ...]
    size: int  # side of the image that the shapes are for, in pixels
    channels: int  # of what the network sees: 3 for colours, 1 for grey
    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    multiply_adds: int  # for one image


KINDS = {
    nn.Conv2d: "convolution",
    nn.MaxPool2d: "max-pooling",
    nn.AvgPool2d: "average-pooling",
    nn.Flatten: "flatten",
    nn.Linear: "dense",
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.Dropout: "dropout",
    MeanPool: "mean",
    MeanMaxPool: "mean and maximum",
}


def describe(classifier: Classifier, size: int | None = None) -> Summary:
    """Run the network on one blank image of `size` (else the classifier's own) and note each layer.

    Input pixels per unit are followed through the network; where paths meet, the largest field
    counts. This is exact for layers that are modules; a convolution or a pooling that a network
    calls as a function is passed over. Parts that do nothing are left out. A network whose layers
    are not modules, as that of a program of torch.export, is one layer.
    """
    side = size or classifier.size or 224
    noted: list[Layer] = []
    blank = torch.zeros(1, 3, side, side, device=classifier.mean.device)
    adapter = classifier.found_adapter(blank)
    follow = _Follow(side)

    def note(name: str, part: nn.Module, inputs: tuple[Any, ...], out: object) -> None:
        if isinstance(out, Tensor) and not isinstance(part, nn.Identity):
            field = follow.through(part, inputs, out)
            noted.append(_layer(name, part, out, min(field.seen, side)))

    hooks = [
        part.register_forward_hook(
            lambda part, inputs, out, name=name: note(name, part, inputs, out)
        )
        for name, part in classifier.network.named_modules()
        if not [*part.children()] and not isinstance(part, torch.jit.ScriptModule)
    ]
    try:
        with classifier.as_judge(), follow:
            classifier.outputs(blank, adapter)
    finally:
        for hook in hooks:
            hook.remove()
    noted = noted or [_whole(classifier, blank, adapter)]
    numbers = list(classifier.network.parameters())
    return Summary(
        network=classifier.info.network_name or type(classifier.network).__name__,
        classes=classifier.classes,
        size=side,
        channels=1 if adapter.channels == "L" else 3,
        layers=tuple(noted),
        parameters=sum(p.numel() for p in numbers),
        trainable=sum(p.numel() for p in numbers if p.requires_grad),
        multiply_adds=sum(layer.multiply_adds for layer in noted),
    )


class _Field(NamedTuple):
    """The receptive field of one unit (Araujo et al. 2019,
    https://distill.pub/2019/computing-receptive-fields, equation 2)."""

    seen: int = 1  # rows and columns of input pixels that it depends on
    stride: int = 1  # how many pixels further its neighbour's field begins


class _Follow(TorchFunctionMode):
    """Keeps the field of each tensor: the largest of those it is computed from, and the whole image
    once positions are summed up."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.fields: dict[int, tuple[_Field, Tensor]] = {}  # the tensor is held, so its id is too

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        tensors = list(tensors_in((args, kwargs)))
        seen = [self.of(tensor) for tensor in tensors]
        for result in tensors_in(out):
            if any(tensor is result for tensor in tensors):  # in place, or returned as it is
                continue
            sums_up = any(_sums_up(tensor, result) for tensor in tensors)
            field = max(seen, default=_Field())
            self.set(result, field._replace(seen=self.size) if sums_up else field)
        return out

    def through(self, part: nn.Module, inputs: tuple[Any, ...], out: Tensor) -> _Field:
        """The field behind a layer, from which the layers after it continue."""
        before = max((self.of(tensor) for tensor in tensors_in(inputs)), default=_Field())
        if isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, step = _first(part.kernel_size), _first(part.stride)
            grown = _first(getattr(part, "dilation", 1)) * (kernel - 1) * before.stride
            self.set(out, _Field(before.seen + grown, before.stride * step))
        elif isinstance(part, nn.Linear):
            self.set(out, before._replace(seen=self.size))
        return self.of(out)

    def of(self, tensor: Tensor) -> _Field:
        return self.fields[id(tensor)][0] if id(tensor) in self.fields else _Field()

    def set(self, tensor: Tensor, field: _Field) -> None:
        self.fields[id(tensor)] = field, tensor


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Every tensor in nested arguments or results."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from tensors_in(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from tensors_in(value)


def _sums_up(before: Tensor, after: Tensor) -> bool:
    """Whether `after` has one number a channel, made of all positions of the maps `before`."""
    if before.ndim != 4 or after.numel() >= before.numel():
        return False
    return before.shape[2:].numel() > 1 and (after.ndim < 4 or after.shape[2:].numel() == 1)


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _layer(name: str, part: nn.Module, out: Tensor, seen: int) -> Layer:
    shape = tuple(out.shape[1:])
    numbers = list(part.parameters(recurse=False))
    return Layer(
        name=name,
        kind=_kind(part),
        shape=(*shape[1:], shape[0]) if len(shape) == 3 else shape,
        parameters=sum(p.numel() for p in numbers),
        trainable=sum(p.numel() for p in numbers if p.requires_grad),
        multiply_adds=_multiply_adds(part, out),
        seen=(seen, seen),
    )


def _whole(classifier: Classifier, blank: Tensor, adapter: Adapter) -> Layer:
    """A network that has no layers to look at, as one; its multiply-adds are counted as torch runs
    them."""
    network = classifier.network
    with classifier.as_judge(), FlopCounterMode(display=False) as counted:
        out = classifier.outputs(blank, adapter)
    numbers = list(network.parameters())
    return Layer(
        name="network",
        kind=_kind(network),
        shape=tuple(out.shape[1:]),
        parameters=sum(p.numel() for p in numbers),
        trainable=sum(p.numel() for p in numbers if p.requires_grad),
        multiply_adds=counted.get_total_flops() // 2,
        seen=(blank.shape[2], blank.shape[3]),
    )


def _kind(part: nn.Module) -> str:
    own = (word for kind, word in KINDS.items() if isinstance(part, kind))
    return next(own, type(part).__name__.lower())


def _multiply_adds(part: nn.Module, out: Tensor) -> int:
    """For all rows of `out`: of one picture there are several where it is asked about often."""
    if isinstance(part, nn.Conv2d | nn.Linear):
        return out.numel() // part.weight.shape[0] * part.weight.numel()
    return 0
