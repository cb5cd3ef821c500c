"""A classifier as steps that can be bounded: affine maps, and maxima (relu, max-pooling, or both).

What PyTorch runs for one picture is recorded operator by operator, so that a network of ours, an
ONNX or Keras file, a residual block and a mirrored classifier are all the same to the bounds. Its
numbers are taken as float64. A new affine layer is one row of OPERATORS.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, prod
from operator import getitem
from typing import Any, NoReturn

import torch
from torch import Tensor, fx
from torch.func import functionalize, vjp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import conv2d, max_pool2d
from torch.nn.grad import conv2d_input

from pasunchat.classifiers.classifier import Classifier, with_noise
from pasunchat.errors import PasunchatError

Value = int  # a value's place: 0 is the picture, step k gives value k + 1


INSTEAD = "take smoothed:MODEL,sigma=0.25 or masked:MODEL,area=0.02"
SHOWN = 80  # letters of an error that is not ours
FAITHFUL = 1e-3  # how far float32 may be from float64, of a logit and absolutely


class NoBounds(PasunchatError):
    """The network has a layer that bounds do not know."""


@dataclass(frozen=True)
class Scale:
    """y = scale x + shift, value by value, float64 [1, ...]."""

    inputs: tuple[Value, ...]
    scale: Tensor  # broadcasts to x; so does shift
    shift: Tensor
    terms: int = 6

    def apply(self, *values: Tensor) -> Tensor:
        return values[0] * self.scale + self.shift

    def spread(self, *sizes: Tensor) -> Tensor:
        return sizes[0] * self.scale.abs()

    def constant(self, *_: Tensor) -> Tensor:
        return self.shift

    def back(self, weights: Tensor, *_: Tensor) -> list[Tensor]:
        return [weights * self.scale]


@dataclass(frozen=True)
class Convolution:
    """A convolution of [1, C, H, W]."""

    inputs: tuple[Value, ...]
    weight: Tensor  # [O, C / groups, k, k]
    bias: Tensor  # [O]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def terms(self) -> int:
        out, within, height, width = self.weight.shape
        return max(within, out // self.groups) * height * width + 6

    def with_kernel(self, weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
        """The convolution with another kernel."""
        settings = self.stride, self.padding, self.dilation, self.groups
        return lambda x: conv2d(x, weight, bias, *settings)

    def apply(self, *values: Tensor) -> Tensor:
        return self.with_kernel(self.weight, self.bias)(values[0])

    def spread(self, *sizes: Tensor) -> Tensor:
        return self.with_kernel(self.weight.abs(), None)(sizes[0])

    def constant(self, *_: Tensor) -> Tensor:
        return self.bias[:, None, None]

    def back(self, weights: Tensor, *values: Tensor) -> list[Tensor]:
        shape = len(weights), *values[0].shape[1:]
        settings = self.stride, self.padding, self.dilation, self.groups
        return [conv2d_input(shape, self.weight, weights, *settings)]  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Dense:
    """A dense layer of [1, N]."""

    inputs: tuple[Value, ...]
    weight: Tensor  # [O, N]
    bias: Tensor  # [O]

    @property
    def terms(self) -> int:
        return max(self.weight.shape) + 6

    def apply(self, *values: Tensor) -> Tensor:
        return values[0] @ self.weight.T + self.bias

    def spread(self, *sizes: Tensor) -> Tensor:
        return sizes[0] @ self.weight.abs().T

    def constant(self, *_: Tensor) -> Tensor:
        return self.bias

    def back(self, weights: Tensor, *_: Tensor) -> list[Tensor]:
        return [weights @ self.weight]


@dataclass(frozen=True)
class Sum:
    """Any operator whose coefficients are all 0 or more: a mean, a sum of branches, a view."""

    inputs: tuple[Value, ...]
    apply: Callable[..., Tensor]
    terms: int  # 1: values are only moved

    def spread(self, *sizes: Tensor) -> Tensor:
        return self.apply(*sizes) - self.constant(*sizes)

    def constant(self, *values: Tensor) -> Tensor:
        return self.apply(*map(torch.zeros_like, values))  # of a cat, say

    def back(self, weights: Tensor, *values: Tensor) -> list[Tensor]:
        _, back, *_ = vjp(self.apply, *map(torch.zeros_like, values))
        return [each[:, 0] for each in vmap(back)(weights[:, None])]


@dataclass(frozen=True)
class Window:
    """Where a max-pooling looks: kernel, stride and padding, of rows and columns."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Maximum:
    """y = the largest of a window of x, and of 0 where it is a relu too."""

    inputs: tuple[Value, ...]
    window: Window | None  # None: each value alone
    zero: bool


# y = W x + b, for one or more x. `terms`: the most roundings on the way to one value, forward or
# backward, with a few to spare for what `merged` rounds; `apply` gives W x + b, `spread` |W| x,
# `constant` b, which broadcasts to y, and `back` A W of weights A, [S, ...]; both of values x, of
# which only the shapes count.
Affine = Scale | Convolution | Dense | Sum
Step = Affine | Maximum


@dataclass(frozen=True)
class Network:
    """A classifier's logits [1, C] of one picture, float64 [1, 3, H, W] in [0, 1], step by step."""

    steps: tuple[Step, ...]

    @property
    def output(self) -> Value:
        """Where the logits are."""
        return len(self.steps)

    def values(self, pixels: Tensor) -> list[Tensor]:
        """The picture and what each step makes of it, float64."""
        values = [pixels.double()]
        for step in self.steps:
            taken = [values[each] for each in step.inputs]
            values.append(
                largest(step, taken[0]) if isinstance(step, Maximum) else step.apply(*taken)
            )
        return values


def largest(step: Maximum, value: Tensor) -> Tensor:
    """What a maximum makes of a value."""
    if step.window is not None:
        window = step.window
        value = max_pool2d(value, window.kernel, window.stride, window.padding)
    return value.clamp_min(0) if step.zero else value


def trace(classifier: Classifier, pixels: Tensor) -> Network:
    """The classifier as steps, as it runs for pictures of the size of `pixels`, [1, 3, H, W].

    Raises NoBounds where it runs something other than affine maps and maxima, decides by the values
    of a picture what it runs, or draws at random.
    """
    with classifier.as_judge():
        classifier(pixels)  # an adapter is found before the recording
        try:
            recorded = make_fx(functionalize(classifier))(pixels)
            recorded.graph.eliminate_dead_code()
            network = Network(merged(_Reader(recorded, classifier.known_as).steps()))
        except NoBounds:
            raise
        except Exception as error:  # whatever a network of somebody's does that no record shows
            raise NoBounds(
                f"{classifier.known_as}: no certificate by bounds: what it runs cannot be recorded "
                f"({' '.join(str(error).split())[:SHOWN]}); {INSTEAD}"
            ) from error
    _refuse_unfaithful(classifier, network, with_noise(pixels))
    return network


def _refuse_unfaithful(classifier: Classifier, network: Network, pictures: Tensor) -> None:
    """Raise NoBounds if the steps give other logits than the classifier for some pictures: of one
    that changes part of a tensor in place, say."""
    for picture, logits in zip(pictures, classifier.predict_logits(pictures), strict=True):
        steps = network.values(picture[None])[-1][0]
        if not torch.allclose(steps.float(), logits, rtol=FAITHFUL, atol=FAITHFUL):
            raise NoBounds(
                f"{classifier.known_as}: no certificate by bounds: what was recorded of it answers "
                f"otherwise than it does; {INSTEAD}"
            )


@dataclass(frozen=True)
class Laid:
    """A tensor of the network: a step's value with its axes in another order.

    Networks that keep colours last turn axes before and after each layer. Here they are turned
    only where a layer depends on their order, so that layers stay beside each other.
    """

    value: Value
    shape: torch.Size  # of the value
    order: tuple[int, ...]  # axis i of the tensor is axis order[i] of the value


class _Reader:
    """Reads a recorded graph, node by node, into steps."""

    def __init__(self, recorded: fx.GraphModule, name: str) -> None:
        self.recorded, self.name = recorded, name
        self.made: list[Step] = []

    def steps(self) -> list[Step]:
        """All steps, one for each operator that does something to the picture."""
        known: dict[fx.Node, Any] = {}
        for node in self.recorded.graph.nodes:
            if node.op == "placeholder":
                known[node] = _as_it_is(0, node.meta["val"].shape)
            elif node.op == "get_attr":
                known[node] = _as_float64(getattr(self.recorded, node.target))
            elif node.op == "output":
                self.laid_out(fx.node.map_arg(node.args[0], known.__getitem__))
            else:
                arguments = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
                known[node] = self.call(node, *arguments)
        return self.made

    def call(self, node: fx.Node, arguments: tuple[Any, ...], settings: Mapping[str, Any]) -> Any:
        """What an operator gives: a number of the network, or what steps make of the picture."""
        operator: Any = node.target
        if torch.Tag.nondeterministic_seeded in getattr(operator, "tags", ()):
            raise NoBounds(f"{self.name}: no certificate by bounds: it draws at random; {INSTEAD}")
        if not any(isinstance(each, Laid) for each in _flat(arguments)):
            return _as_float64(operator(*arguments, **settings))
        if operator is getitem:  # the values of a pooling or a batch norm, not what is beside
            return arguments[0]
        name = str(operator).removeprefix("aten.").partition(".")[0].removesuffix("_")
        if name not in OPERATORS:
            raise NoBounds(
                f"{self.name}: no certificate by bounds, since none are known of its operator "
                f"{name}; {INSTEAD}"
            )
        return OPERATORS[name](self, *arguments, **settings)

    def add(self, step: Step, shape: torch.Size) -> Laid:
        """A step more, and what it makes."""
        self.made.append(step)
        return _as_it_is(len(self.made), shape)

    def scaled(self, laid: Laid, scale: Any, shift: Any) -> Laid:
        """scale x + shift, by numbers that broadcast to the tensor."""
        back = _inverse(laid.order)

        def laid_back(number: Any) -> Tensor:
            exact = torch.as_tensor(number, dtype=torch.float64)
            return exact.expand(_seen(laid)).permute(back) if exact.numel() > 1 else exact

        made = self.add(Scale((laid.value,), laid_back(scale), laid_back(shift)), laid.shape)
        return replace(made, order=laid.order)

    def maximum(self, laid: Laid) -> Laid:
        """relu(x)."""
        made = self.add(Maximum((laid.value,), None, zero=True), laid.shape)
        return replace(made, order=laid.order)

    def sum(self, apply: Callable[..., Tensor], *parts: Laid, terms: int = 1) -> Laid:
        """What an operator with coefficients of 0 or more makes of some tensors."""
        inputs = tuple(self.laid_out(part).value for part in parts)
        shape = apply(*(torch.zeros(_seen(part), dtype=torch.float64) for part in parts)).shape
        return self.add(Sum(inputs, apply, terms), shape)

    def laid_out(self, laid: Laid) -> Laid:
        """The tensor with its axes as the network has them."""
        if laid.order == tuple(range(len(laid.order))):
            return laid
        order = laid.order
        made = Sum((laid.value,), lambda x: x.permute(order), 1)
        return self.add(made, _seen(laid))


def _add(reader: _Reader, x: Any, y: Any, alpha: float = 1) -> Laid:
    if not isinstance(y, Laid):
        return reader.scaled(x, 1.0, alpha * y)
    y = reader.scaled(y, alpha, 0.0) if alpha != 1 else y
    if not isinstance(x, Laid):
        return reader.scaled(y, 1.0, x)
    if x.order == y.order and x.shape == y.shape:
        made = Sum((x.value, y.value), lambda a, b: a + b, 3)
        return replace(reader.add(made, x.shape), order=x.order)
    return reader.sum(lambda a, b: a + b, x, y, terms=3)


def _subtract(reader: _Reader, x: Any, y: Any, alpha: float = 1) -> Laid:
    return _add(reader, x, y, -alpha)


def _multiply(reader: _Reader, x: Any, y: Any) -> Laid:
    if isinstance(x, Laid) and isinstance(y, Laid):
        raise NoBounds(f"{reader.name}: no certificate by bounds: it multiplies two of its values")
    return reader.scaled(x, y, 0.0) if isinstance(x, Laid) else reader.scaled(y, x, 0.0)


def _divide(reader: _Reader, x: Any, y: Any) -> Laid:
    if isinstance(y, Laid):
        raise NoBounds(f"{reader.name}: no certificate by bounds: it divides by one of its values")
    return reader.scaled(x, 1 / torch.as_tensor(y, dtype=torch.float64), 0.0)


def _add_product(reader: _Reader, shift: Any, x: Any, y: Any, *, value: float = 1) -> Laid:
    return _add(reader, _multiply(reader, x, y), shift) if value == 1 else _unknown(reader)


def _batch_norm(reader: _Reader, x: Laid, weight: Any, bias: Any, *rest: Any) -> Laid:
    mean, var, *settings = rest
    deviation = (var + settings[-1 if isinstance(settings[-1], float) else -2]).sqrt()
    scale = (1.0 if weight is None else weight) / deviation
    shift = (0.0 if bias is None else bias) - mean * scale
    each = [number.reshape(-1, *(1,) * (len(x.shape) - 2)) for number in (scale, shift)]
    return reader.scaled(x, *each)


def _convolution(reader: _Reader, x: Laid, weight: Tensor, bias: Any, *settings: Any) -> Laid:
    stride, padding, dilation, transposed, _, groups = settings
    if transposed or weight.ndim != 4:
        return _unknown(reader)
    x = reader.laid_out(x)
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    made = Convolution(
        (x.value,), weight, bias, _pair(stride), _pair(padding), _pair(dilation), groups
    )
    return reader.add(made, made.apply(torch.zeros(x.shape, dtype=torch.float64)).shape)


def _dense(reader: _Reader, x: Any, weight: Any, bias: Any = None) -> Laid:
    """x W + b, W as [N, O]."""
    if not isinstance(x, Laid) or isinstance(weight, Laid) or len(x.shape) != 2:
        return _unknown(reader)
    x = reader.laid_out(x)
    bias = weight.new_zeros(weight.shape[1]) if bias is None else bias.expand(weight.shape[1])
    return reader.add(Dense((x.value,), weight.T, bias), torch.Size((1, weight.shape[1])))


def _add_dense(reader: _Reader, bias: Any, x: Any, weight: Any, **settings: Any) -> Laid:
    return _unknown(reader) if settings else _dense(reader, x, weight, bias.reshape(-1))


def _pool(reader: _Reader, x: Laid, kernel: Any, *settings: Any) -> Laid:
    usual: list[Any] = [(), 0, 1, False]
    stride, padding, dilation, ceil_mode = [*settings, *usual[len(settings) :]]
    if ceil_mode or set(_pair(dilation)) != {1}:
        return _unknown(reader)
    x = reader.laid_out(x)
    window = Window(_pair(kernel), _pair(stride or kernel), _pair(padding))
    made = Maximum((x.value,), window, zero=False)
    return reader.add(made, largest(made, torch.zeros(x.shape, dtype=torch.float64)).shape)


def _clamp(reader: _Reader, x: Laid, low: Any = -1.0, high: Any = 1.0) -> Laid:
    """low + relu(x - low) - relu(x - high): relu6 among others."""
    made = x
    if low is not None:
        made = reader.scaled(reader.maximum(reader.scaled(x, 1.0, -low)), 1.0, low)
    if high is not None and high < torch.inf:
        cut = reader.maximum(reader.scaled(x, 1.0, -high))
        made = _subtract(reader, made, cut)
    return made


def _leaky_relu(reader: _Reader, x: Laid, slope: float = 0.01) -> Laid:
    """slope x + (1 - slope) relu(x)."""
    if not 0 <= slope <= 1:
        return _unknown(reader)
    above = reader.scaled(reader.maximum(x), 1 - slope, 0.0)
    return _add(reader, reader.scaled(x, slope, 0.0), above)


def _permute(_: _Reader, x: Laid, order: list[int]) -> Laid:
    return replace(x, order=tuple(x.order[axis] for axis in order))


def _transpose(reader: _Reader, x: Laid, first: int = 0, second: int = 1) -> Laid:
    order = list(range(len(x.order)))
    order[first], order[second] = order[second], order[first]
    return _permute(reader, x, order)


def _cat(reader: _Reader, parts: list[Any], axis: int = 0) -> Laid:
    among = [part for part in parts if isinstance(part, Laid)]

    def apply(*values: Tensor) -> Tensor:
        given = iter(values)
        each = [next(given) if isinstance(part, Laid) else part for part in parts]
        return torch.cat(each, axis)

    return reader.sum(apply, *among)


def _moves(function: Callable[..., Tensor]) -> Callable[..., Laid]:
    """An operator that moves or repeats values."""

    def read(reader: _Reader, x: Laid, *settings: Any, **named: Any) -> Laid:
        return reader.sum(lambda value: function(value, *settings, **named), x)

    return read


def _averages(function: Callable[..., Tensor]) -> Callable[..., Laid]:
    """An operator that averages or sums values, each result of about as many."""

    def read(reader: _Reader, x: Laid, *settings: Any, **named: Any) -> Laid:
        named.pop("dtype", None)
        made = reader.sum(lambda value: function(value, *settings, **named), x, terms=2)
        ratio = ceil(prod(x.shape) / prod(made.shape))
        kernel = settings[0] if function is aten.avg_pool2d else ()
        step = reader.made.pop()
        assert isinstance(step, Sum)
        # windows of an adaptive pooling overlap by one value at each end
        return reader.add(replace(step, terms=max(4 * ratio, prod(kernel)) + 3), made.shape)

    return read


def _unknown(reader: _Reader) -> NoReturn:
    raise NoBounds(
        f"{reader.name}: no certificate by bounds, since it uses a layer in a way of which none "
        f"are known; {INSTEAD}"
    )


def _same(_reader: _Reader, x: Laid, *_: Any, **__: Any) -> Laid:
    return x


def _relu(reader: _Reader, x: Laid) -> Laid:
    return reader.maximum(x)


def _negative(reader: _Reader, x: Laid) -> Laid:
    return reader.scaled(x, -1.0, 0.0)


aten = torch.ops.aten
SAME = ("clone", "detach", "alias", "_to_copy", "contiguous", "lift_fresh", "to")
MOVED = {
    "view": aten.reshape,
    "_unsafe_view": aten.reshape,
    "reshape": aten.reshape,
    "flatten": aten.flatten,
    "flip": aten.flip,
    "expand": aten.expand,
    "slice": aten.slice,
    "select": aten.select,
    "squeeze": aten.squeeze,
    "unsqueeze": aten.unsqueeze,
    "constant_pad_nd": aten.constant_pad_nd,
}
AVERAGED = {
    "mean": aten.mean,
    "sum": aten.sum,
    "avg_pool2d": aten.avg_pool2d,
    "adaptive_avg_pool2d": aten._adaptive_avg_pool2d,
    "_adaptive_avg_pool2d": aten._adaptive_avg_pool2d,
}
OPERATORS: Mapping[str, Callable[..., Laid]] = {
    "add": _add,
    "sub": _subtract,
    "mul": _multiply,
    "div": _divide,
    "neg": _negative,
    "addcmul": _add_product,
    "convolution": _convolution,
    "mm": _dense,
    "addmm": _add_dense,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "max_pool2d_with_indices": _pool,
    "relu": _relu,
    "hardtanh": _clamp,
    "clamp": _clamp,
    "leaky_relu": _leaky_relu,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "cat": _cat,
    **dict.fromkeys(SAME, _same),
    **{name: _moves(function) for name, function in MOVED.items()},
    **{name: _averages(function) for name, function in AVERAGED.items()},
}


def merged(steps: list[Step]) -> tuple[Step, ...]:
    """Fewer steps with the same outputs: a scale joins the convolution or dense layer before it,
    and relu and max-pooling become one maximum, of which bounds are tighter."""
    uses = Counter(value for step in steps for value in step.inputs)
    kept: list[Step] = []
    place = {0: 0}  # of a value among those kept
    for value, step in enumerate(steps, 1):
        step = replace(step, inputs=tuple(place[each] for each in step.inputs))
        before = step.inputs[0]
        alone = uses[value - 1] == 1 and before == len(kept) > 0 and place[value - 1] == before
        one = _as_one(kept[-1], step) if alone and len(step.inputs) == 1 else None
        if one is None:
            kept.append(step)
        else:
            kept[-1] = one
        place[value] = len(kept)
    return tuple(kept)


def _as_one(first: Step, second: Step) -> Step | None:
    """Both steps as one; None where they are not one."""
    if isinstance(first, Maximum) and isinstance(second, Maximum):
        if first.window and second.window:
            return None
        return replace(first, window=first.window or second.window, zero=first.zero or second.zero)
    if isinstance(first, Scale) and isinstance(second, Scale):
        return Scale(
            first.inputs, first.scale * second.scale, first.shift * second.scale + second.shift
        )
    if isinstance(first, Convolution | Dense) and isinstance(second, Scale):
        scale, shift = (_by_channel(each, len(first.bias)) for each in (second.scale, second.shift))
        if scale is None or shift is None:
            return None
        weight = first.weight * scale.reshape(-1, *(1,) * (first.weight.ndim - 1))
        return replace(first, weight=weight, bias=first.bias * scale + shift)
    return None


def _by_channel(numbers: Tensor, channels: int) -> Tensor | None:
    """Numbers [..., C, 1, 1] or [1, C] as [C]; None where places of one channel differ."""
    if numbers.numel() == 1:
        return numbers.reshape(1).expand(channels)
    if numbers.ndim < 2 or numbers.shape[1] != channels:
        return None
    flat = numbers[0].reshape(channels, -1)
    return flat[:, 0] if bool((flat == flat[:, :1]).all()) else None


def _as_float64(number: Any) -> Any:
    if isinstance(number, Tensor) and number.is_floating_point():
        return number.detach().double()
    return number


def _as_it_is(value: Value, shape: torch.Size) -> Laid:
    return Laid(value, shape, tuple(range(len(shape))))


def _seen(laid: Laid) -> torch.Size:
    """The tensor's shape as the network has it."""
    return torch.Size(laid.shape[axis] for axis in laid.order)


def _inverse(order: tuple[int, ...]) -> list[int]:
    return [order.index(axis) for axis in range(len(order))]


def _pair(numbers: Any) -> tuple[int, int]:
    pair = tuple(numbers) if isinstance(numbers, list | tuple) else (numbers,)
    return pair * 2 if len(pair) == 1 else pair


def _flat(arguments: Any) -> Iterator[Any]:
    for each in arguments:
        if isinstance(each, list | tuple):
            yield from _flat(each)
        else:
            yield each
