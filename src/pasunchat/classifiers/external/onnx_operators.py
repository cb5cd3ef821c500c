"""OPERATORS: what each ONNX operator means, in torch, so that gradients flow.

Each takes the node's inputs and attributes, in every version of the operator since opset 7.
Meanings: https://onnx.ai/onnx/operators/. One more is one row, and an example in its test.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from pasunchat.classifiers.external.onnx_shapes import SHAPES
from pasunchat.classifiers.external.onnx_values import (
    Attributes,
    Inputs,
    Operator,
    at,
    axes_of,
    need,
    padded,
    together,
)


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
    """Of whole numbers: toward zero."""
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Bounds: attributes in older files, inputs in newer ones."""
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
    """[N, C, ...]; a weight is [out, in / group, ...]."""
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
    """Over rows and columns; padding never wins."""
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
    """Over rows and columns; padding counts only where the file says so."""
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
    """As in use, not in training."""
    pixels, weight, bias, mean, variance = (need(inputs, index) for index in range(5))
    epsilon = attributes.get("epsilon", 1e-5)
    return F.batch_norm(pixels, mean, variance, weight, bias, eps=epsilon)


def layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Over the axes from `axis` on."""
    values = need(inputs, 0)
    shape = values.shape[attributes.get("axis", -1) :]
    weight, bias = need(inputs, 1).expand(shape), at(inputs, 2)
    epsilon = attributes.get("epsilon", 1e-5)
    return F.layer_norm(
        values, shape, weight, None if bias is None else bias.expand(shape), epsilon
    )


def instance_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Each channel of each picture."""
    pixels, weight, bias = (need(inputs, index) for index in range(3))
    return F.instance_norm(pixels, weight=weight, bias=bias, eps=attributes.get("epsilon", 1e-5))


def gelu(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Exact, or by tanh."""
    return F.gelu(need(inputs, 0), approximate=attributes.get("approximate", "none"))


def softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    """Over one axis; over all from `axis` on in opsets before 13."""

    def run(inputs: Inputs, attributes: Attributes) -> Tensor:
        values = need(inputs, 0)
        if attributes["opset"] >= 13:
            return function(values, attributes.get("axis", -1))
        flat = values.flatten(attributes.get("axis", 1))
        return function(flat, -1).reshape(values.shape)

    return run


def reduce(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    """A sum or the like over axes; over all where none is named."""

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
    """Below zero times a slope that is broadcast."""
    return values.clamp_min(0) + slope * values.clamp_max(0)


OPERATORS: dict[str, Operator] = {
    **SHAPES,
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
