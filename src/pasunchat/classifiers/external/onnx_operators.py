"""COMPUTING: the ONNX operators that compute, in torch, so that gradients flow.

Each takes a node's inputs and attributes, in every version of the operator since opset 7.
Meanings: https://onnx.ai/onnx/operators/. One more is one row, and an example in its test; those
that only move numbers are in onnx_shapes.py, and use the helpers at the top of this file.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Attributes = Mapping[str, Any]
Inputs = Sequence[Tensor | None]  # None: an optional input that is left out
Operator = Callable[[Inputs, Attributes], Tensor | Sequence[Tensor]]


def whole(values: Tensor | None, otherwise: Sequence[int] | None = None) -> list[int]:
    """An integer tensor as a list; `otherwise` where it is left out."""
    if values is None:
        return list(otherwise or ())
    return [int(value) for value in values.reshape(-1).tolist()]


def at(inputs: Inputs, index: int) -> Tensor | None:
    """An optional input, or None."""
    return inputs[index] if index < len(inputs) else None


def need(inputs: Inputs, index: int) -> Tensor:
    """A required input. Raises ValueError if it is missing."""
    value = at(inputs, index)
    if value is None:
        raise ValueError(f"its input {index} is missing")
    return value


def axes_of(inputs: Inputs, attributes: Attributes, index: int = 1) -> list[int] | None:
    """Axes, an attribute in older files and an input in newer ones. None: not stated."""
    if at(inputs, index) is not None:
        return whole(at(inputs, index))
    return [int(axis) for axis in attributes["axes"]] if "axes" in attributes else None


def together(*values: Tensor) -> tuple[Tensor, ...]:
    """The tensors on one device: the accelerator's, if any of them is there.

    Whole numbers and truth values are on the CPU, where shapes are computed.
    """
    device = next((value.device for value in values if value.device.type != "cpu"), None)
    return values if device is None else tuple(value.to(device) for value in values)


def padded(
    pixels: Tensor,
    attributes: Attributes,
    kernel: Sequence[int],
    value: float = 0.0,
) -> tuple[Tensor, list[int]]:
    """Values [N, C, ...] and the padding argument for torch: a number for each axis of `kernel`.

    torch's argument pads both ends of an axis alike; where a node pads them differently, the values
    come back padded with `value`, and the argument is zero.
    """
    count = len(kernel)
    steps = attributes.get("strides", [1] * count)
    dilations = attributes.get("dilations", [1] * count)
    pads = list(attributes.get("pads", [0] * 2 * count))
    auto = attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        first, last = [], []
        for side, k, s, d in zip(pixels.shape[2:], kernel, steps, dilations, strict=True):
            total = max(0, (-(-side // s) - 1) * s + d * (k - 1) + 1 - side)
            small, large = total // 2, total - total // 2
            first.append(small if auto == "SAME_UPPER" else large)
            last.append(large if auto == "SAME_UPPER" else small)
        pads = [*first, *last]
    elif auto == "VALID":
        pads = [0] * 2 * count
    first, last = pads[:count], pads[count:]
    if first == last:
        return pixels, first
    around = [pad for pair in zip(first[::-1], last[::-1], strict=True) for pad in pair]
    return F.pad(pixels, around, value=value), [0] * count


def of_one(function: Callable[[Tensor], Tensor]) -> Operator:
    """An operator of one tensor and no attributes."""
    return lambda inputs, _: function(need(inputs, 0))


def of_two(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """An operator of two tensors that are broadcast to each other."""
    return lambda inputs, _: function(*together(need(inputs, 0), need(inputs, 1)))


def of_many(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """An operator of any number of tensors, two by two."""

    def run(inputs: Inputs, _: Attributes) -> Tensor:
        result = need(inputs, 0)
        for index in range(1, len(inputs)):
            result = function(*together(result, need(inputs, index)))
        return result

    return run


def with_alpha(function: Callable[..., Tensor], **defaults: float) -> Operator:
    """An activation with settings: attributes, whose names are the function's."""
    return lambda inputs, attributes: function(
        need(inputs, 0), *(attributes.get(name, value) for name, value in defaults.items())
    )


def divide(a: Tensor, b: Tensor) -> Tensor:
    """a / b; of whole numbers, rounded toward zero."""
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Clamp; the bounds are attributes in older files, inputs in newer ones."""
    pixels, low, high = need(inputs, 0), at(inputs, 1), at(inputs, 2)
    least = attributes.get("min") if low is None else low.item()
    most = attributes.get("max") if high is None else high.item()
    return pixels if least is None and most is None else pixels.clamp(least, most)


def gemm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """alpha A B + beta C."""
    a, b, c = need(inputs, 0), need(inputs, 1), at(inputs, 2)
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    product = a @ b
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    product = product if alpha == 1.0 else alpha * product
    return product if c is None else product + (c if beta == 1.0 else beta * c)


CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def conv(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Convolution of [N, C, ...] with weights [outputs, C / group, ...]."""
    pixels, weight = need(inputs, 0), need(inputs, 1)
    kernel = list(weight.shape[2:])
    pixels, padding = padded(pixels, attributes, kernel)
    return CONVOLUTIONS[len(kernel)](
        pixels,
        weight,
        at(inputs, 2),
        stride=attributes.get("strides", [1] * len(kernel)),
        padding=padding,
        dilation=attributes.get("dilations", [1] * len(kernel)),
        groups=attributes.get("group", 1),
    )


def max_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Maximum over windows of rows and columns; padding never wins."""
    kernel = attributes["kernel_shape"]
    pixels, padding = padded(need(inputs, 0), attributes, kernel, value=-math.inf)
    return F.max_pool2d(
        pixels,
        kernel,
        stride=attributes.get("strides", [1, 1]),
        padding=padding,
        dilation=attributes.get("dilations", [1, 1]),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def average_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Mean over windows of rows and columns; padding counts only with `count_include_pad`."""
    kernel, counted = attributes["kernel_shape"], bool(attributes.get("count_include_pad", 0))
    pixels, padding = padded(need(inputs, 0), attributes, kernel)
    settings = {
        "stride": attributes.get("strides", [1, 1]),
        "padding": padding,
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
    }
    if pixels is inputs[0] or counted:
        return F.avg_pool2d(pixels, kernel, count_include_pad=counted, **settings)
    inside, _ = padded(torch.ones_like(need(inputs, 0)), attributes, kernel)
    return F.avg_pool2d(pixels, kernel, **settings) / F.avg_pool2d(inside, kernel, **settings)


def batch_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Batch norm as in evaluation, with the statistics of the file."""
    pixels, weight, bias, mean, variance = (need(inputs, index) for index in range(5))
    epsilon = attributes.get("epsilon", 1e-5)
    return F.batch_norm(pixels, mean, variance, weight, bias, eps=epsilon)


def layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Layer norm over the axes from `axis` on."""
    values = need(inputs, 0)
    shape = values.shape[attributes.get("axis", -1) :]
    weight, bias = need(inputs, 1).expand(shape), at(inputs, 2)
    epsilon = attributes.get("epsilon", 1e-5)
    return F.layer_norm(
        values, shape, weight, None if bias is None else bias.expand(shape), epsilon
    )


def instance_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Instance norm: each channel of each image by its own statistics."""
    pixels, weight, bias = (need(inputs, index) for index in range(3))
    return F.instance_norm(pixels, weight=weight, bias=bias, eps=attributes.get("epsilon", 1e-5))


def gelu(inputs: Inputs, attributes: Attributes) -> Tensor:
    """GELU, exact or approximated by tanh."""
    return F.gelu(need(inputs, 0), approximate=attributes.get("approximate", "none"))


def softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    """A softmax over one axis; in opsets before 13, over all axes from `axis` on."""

    def run(inputs: Inputs, attributes: Attributes) -> Tensor:
        values = need(inputs, 0)
        if attributes["opset"] >= 13:
            return function(values, attributes.get("axis", -1))
        flat = values.flatten(attributes.get("axis", 1))
        return function(flat, -1).reshape(values.shape)

    return run


def reduce(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    """A reduction such as a sum over axes; over all of them where none is named."""

    def run(inputs: Inputs, attributes: Attributes) -> Tensor:
        values, axes = need(inputs, 0), axes_of(inputs, attributes)
        if not axes:
            if attributes.get("noop_with_empty_axes", 0):
                return function(values[..., None], [-1], False)
            axes = list(range(values.ndim))
        return function(values, axes, bool(attributes.get("keepdims", 1)))

    return run


def where(inputs: Inputs, _: Attributes) -> Tensor:
    """The second where the first is true, else the third."""
    condition, then, otherwise = together(*(need(inputs, index) for index in range(3)))
    return torch.where(condition, then, otherwise)


def global_max(pixels: Tensor) -> Tensor:
    """The largest over rows and columns."""
    return pixels.amax(tuple(range(2, pixels.ndim)), keepdim=True)


def global_mean(pixels: Tensor) -> Tensor:
    """The mean over rows and columns."""
    return pixels.mean(tuple(range(2, pixels.ndim)), keepdim=True)


def hard_sigmoid(values: Tensor, alpha: float, beta: float) -> Tensor:
    """max(0, min(1, alpha x + beta))."""
    return (alpha * values + beta).clamp(0, 1)


def prelu(values: Tensor, slope: Tensor) -> Tensor:
    """PReLU; the slope is broadcast."""
    return values.clamp_min(0) + slope * values.clamp_max(0)


COMPUTING: dict[str, Operator] = {
    "Abs": of_one(torch.abs),
    "Ceil": of_one(torch.ceil),
    "Cos": of_one(torch.cos),
    "Dropout": of_one(lambda values: values),
    "Erf": of_one(torch.erf),
    "Exp": of_one(torch.exp),
    "Floor": of_one(torch.floor),
    "GlobalAveragePool": of_one(global_mean),
    "GlobalMaxPool": of_one(global_max),
    "HardSwish": of_one(F.hardswish),
    "Identity": of_one(lambda values: values),
    "Log": of_one(torch.log),
    "Mish": of_one(F.mish),
    "Neg": of_one(torch.neg),
    "Not": of_one(torch.logical_not),
    "Reciprocal": of_one(torch.reciprocal),
    "Relu": of_one(torch.relu),
    "Round": of_one(torch.round),
    "Sigmoid": of_one(torch.sigmoid),
    "Sign": of_one(torch.sign),
    "Sin": of_one(torch.sin),
    "Softplus": of_one(F.softplus),
    "Softsign": of_one(F.softsign),
    "Sqrt": of_one(torch.sqrt),
    "Tanh": of_one(torch.tanh),
    "Add": of_two(torch.add),
    "And": of_two(torch.logical_and),
    "Div": of_two(divide),
    "Equal": of_two(torch.eq),
    "Greater": of_two(torch.gt),
    "GreaterOrEqual": of_two(torch.ge),
    "Less": of_two(torch.lt),
    "LessOrEqual": of_two(torch.le),
    "MatMul": of_two(torch.matmul),
    "Mul": of_two(torch.mul),
    "Or": of_two(torch.logical_or),
    "Pow": of_two(torch.pow),
    "PRelu": of_two(prelu),
    "Sub": of_two(torch.sub),
    "Max": of_many(torch.maximum),
    "Min": of_many(torch.minimum),
    "Sum": of_many(torch.add),
    "Celu": with_alpha(F.celu, alpha=1.0),
    "Elu": with_alpha(F.elu, alpha=1.0),
    "HardSigmoid": with_alpha(hard_sigmoid, alpha=0.2, beta=0.5),
    "LeakyRelu": with_alpha(F.leaky_relu, alpha=0.01),
    "Selu": of_one(F.selu),
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Clip": clip,
    "Conv": conv,
    "Gelu": gelu,
    "Gemm": gemm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "LogSoftmax": softmax(torch.log_softmax),
    "MaxPool": max_pool,
    "ReduceL2": reduce(lambda x, axes, keep: x.norm(2, axes, keep)),
    "ReduceMax": reduce(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMean": reduce(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceMin": reduce(lambda x, axes, keep: x.amin(axes, keep)),
    "ReduceSum": reduce(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceSumSquare": reduce(lambda x, axes, keep: x.square().sum(axes, keep)),
    "Softmax": softmax(torch.softmax),
    "Where": where,
}
