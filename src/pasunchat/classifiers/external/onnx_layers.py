"""LAYERS: ONNX nodes that become torch's own layers, so that a summary lists them.

A node that no layer fits (padding on one side, weights that are computed) runs by OPERATORS.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from pasunchat.classifiers.external.onnx_operators import Attributes

Constants = Sequence[Tensor | None]  # a node's inputs behind the first, None where computed
Maker = Callable[[Attributes, Constants], nn.Module | None]


class Bias(nn.Module):
    """The bias of a dense layer, where the file adds it by a separate node."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias)

    def forward(self, values: Tensor) -> Tensor:
        """[..., C] plus [C]."""
        return values + self.bias


def layer_of(
    operator: str, inputs: Sequence[str], attributes: Attributes, known: Mapping[str, Tensor]
) -> nn.Module | None:
    """The layer that computes a node, with its weights; None if no layer fits."""
    constants = [known.get(name) for name in inputs[1:]]
    if operator not in LAYERS or any(constant is None for constant in constants):
        return None
    return LAYERS[operator](attributes, constants)


def _add(_: Attributes, constants: Constants) -> nn.Module | None:
    bias = constants[0]
    fits = bias is not None and bias.ndim == 1 and len(bias) > 1 and bias.is_floating_point()
    return Bias(bias) if bias is not None and fits else None


def _conv(attributes: Attributes, constants: Constants) -> nn.Module | None:
    weight, padding = constants[0], _padding(attributes)
    if weight is None or weight.ndim != 4 or padding is None:
        return None
    groups = attributes.get("group", 1)
    layer = nn.Conv2d(
        weight.shape[1] * groups,
        weight.shape[0],
        (weight.shape[2], weight.shape[3]),
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=padding,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=groups,
        bias=len(constants) > 1,
        device="meta",
    )
    return _filled(layer, weight, constants[1] if len(constants) > 1 else None)


def _gemm(attributes: Attributes, constants: Constants) -> nn.Module | None:
    weight, bias = constants[0], constants[1] if len(constants) > 1 else None
    plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0
    if weight is None or not plain or attributes.get("transA", 0):
        return None
    weight = weight if attributes.get("transB", 0) else weight.T
    if bias is not None and bias.shape != weight.shape[:1]:
        return None
    return _linear(weight, bias)


def _matmul(_: Attributes, constants: Constants) -> nn.Module | None:
    weight = constants[0]
    return None if weight is None or weight.ndim != 2 else _linear(weight.T, None)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    return _filled(layer, weight, bias)


def _filled(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer.weight = nn.Parameter(weight.contiguous())
    if bias is not None:
        layer.bias = nn.Parameter(bias.contiguous())
    return layer


def _max_pool(attributes: Attributes, _: Constants) -> nn.Module | None:
    kernel, padding = attributes["kernel_shape"], _padding(attributes)
    if len(kernel) != 2 or padding is None:
        return None
    return nn.MaxPool2d(
        tuple(kernel),
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=padding,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _padding(attributes: Attributes) -> tuple[int, int] | None:
    """Padding of rows and columns for torch's layers; None if the two ends differ."""
    pads = attributes.get("pads", [0, 0, 0, 0])
    auto = attributes.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return 0, 0
    same = auto == "NOTSET" and len(pads) == 4 and pads[:2] == pads[2:]
    return (pads[0], pads[1]) if same else None


LAYERS: dict[str, Maker] = {
    "Add": _add,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Relu": lambda *_: nn.ReLU(),
}
