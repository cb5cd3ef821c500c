"""What the ONNX operators are written with: a node's attributes, padding, tensors put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Attributes = Mapping[str, Any]
Inputs = Sequence[Tensor | None]  # None: an optional input that is left out
Operator = Callable[[Inputs, Attributes], Tensor | Sequence[Tensor]]


def whole(values: Tensor | None, otherwise: Sequence[int] | None = None) -> list[int]:
    """An integer tensor as a list; where it is left out, what holds otherwise."""
    if values is None:
        return list(otherwise or ())
    return [int(value) for value in values.reshape(-1).tolist()]


def at(inputs: Inputs, index: int) -> Tensor | None:
    """An optional input, or None."""
    return inputs[index] if index < len(inputs) else None


def need(inputs: Inputs, index: int) -> Tensor:
    """An input that has to be there. Raises ValueError if it is not."""
    value = at(inputs, index)
    if value is None:
        raise ValueError(f"its input {index} is missing")
    return value


def axes_of(inputs: Inputs, attributes: Attributes, index: int = 1) -> list[int] | None:
    """Axes, an attribute in older files and an input in newer ones. None: not said."""
    if at(inputs, index) is not None:
        return whole(at(inputs, index))
    return [int(axis) for axis in attributes["axes"]] if "axes" in attributes else None


def together(*values: Tensor) -> tuple[Tensor, ...]:
    """The tensors on the device of those that are on an accelerator, if any is: whole numbers
    and truth values stay on the CPU, where shapes are computed."""
    device = next((value.device for value in values if value.device.type != "cpu"), None)
    return values if device is None else tuple(value.to(device) for value in values)


def padded(
    pixels: Tensor,
    attributes: Attributes,
    kernel: Sequence[int],
    value: float = 0.0,
) -> tuple[Tensor, list[int]]:
    """The pixels [N, C, ...] with padding that torch's own argument cannot say put in, and what
    it can say: a padding for each side, the same on both ends."""
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


TYPES = {  # onnx.TensorProto.DataType -> torch
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
