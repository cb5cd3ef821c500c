"""SHAPES: the ONNX operators that move numbers without computing with them."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from pasunchat.classifiers.external.onnx_operators import (
    Attributes,
    Inputs,
    Operator,
    at,
    axes_of,
    need,
    together,
    whole,
)

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


def cast(inputs: Inputs, attributes: Attributes) -> Tensor:
    """To another type of numbers."""
    return need(inputs, 0).to(TYPES[attributes["to"]])


def concat(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Tensors one behind the other."""
    parts = [need(inputs, index) for index in range(len(inputs))]
    return torch.cat(together(*parts), attributes["axis"])


def constant_of_shape(inputs: Inputs, attributes: Attributes) -> Tensor:
    """One number everywhere."""
    value = attributes.get("value")
    filled = torch.zeros(1) if value is None else value
    return filled.reshape(-1)[0].expand(whole(need(inputs, 0))).clone()


def depth_to_space(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Channels to rows and columns."""
    pixels, block = need(inputs, 0), attributes["blocksize"]
    if attributes.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(pixels, block)
    count, channels, rows, columns = pixels.shape
    parts = pixels.reshape(count, block, block, channels // block**2, rows, columns)
    moved = parts.permute(0, 3, 4, 1, 5, 2)
    return moved.reshape(count, channels // block**2, rows * block, columns * block)


def einsum(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Einstein's sum."""
    parts = [need(inputs, index) for index in range(len(inputs))]
    return torch.einsum(attributes["equation"], *together(*parts))


def expand(inputs: Inputs, _: Attributes) -> Tensor:
    """Broadcast, where either side may have length 1."""
    values, shape = need(inputs, 0), whole(need(inputs, 1))
    return values.expand(np.broadcast_shapes(tuple(values.shape), tuple(shape)))


def flatten(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Two axes: those before `axis`, and the others."""
    values, axis = need(inputs, 0), attributes.get("axis", 1)
    axis = axis + values.ndim if axis < 0 else axis
    if axis == 1:
        return values.flatten(1)
    rows = int(torch.tensor(values.shape[:axis]).prod()) if axis else 1
    return values.reshape(rows, -1)


def gather(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Slices by their index; a negative one counts from the end."""
    values, axis = need(inputs, 0), attributes.get("axis", 0)
    index = need(inputs, 1).to(values.device).long()
    index = torch.where(index < 0, index + values.shape[axis], index)
    taken = values.index_select(axis, index.reshape(-1))
    axis = axis + values.ndim if axis < 0 else axis
    return taken.reshape((*values.shape[:axis], *index.shape, *values.shape[axis + 1 :]))


MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


def pad(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Padding before and behind each axis; negative padding cuts off."""
    values = need(inputs, 0)
    pads = attributes["pads"] if "pads" in attributes else whole(need(inputs, 1))
    filled = at(inputs, 2)
    value = attributes.get("value", 0.0) if filled is None else filled.item()
    axes = axes_of(inputs, attributes, 3) or list(range(values.ndim))
    around = [0] * 2 * values.ndim
    for place, axis in enumerate(axes):
        behind = 2 * (values.ndim - 1 - axis % values.ndim)
        around[behind], around[behind + 1] = pads[place], pads[place + len(axes)]
    mode = MODES[attributes.get("mode", "constant")]
    if mode == "constant":
        return F.pad(values, around, value=value)
    while around[-2:] == [0, 0]:  # torch pads only the last axes in these modes
        around = around[:-2]
    return F.pad(values, around, mode=mode)


def reshape(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Another shape, where 0 keeps a length and -1 is what remains."""
    values, shape = need(inputs, 0), whole(need(inputs, 1))
    if not attributes.get("allowzero", 0):
        shape = [values.shape[i] if side == 0 else side for i, side in enumerate(shape)]
    return values.reshape(shape)


def resize(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Resize rows and columns, nearest or linear. Raises ValueError for other modes."""
    pixels, scales, sizes = need(inputs, 0), at(inputs, 2), at(inputs, 3)
    mode = attributes.get("mode", "nearest")
    placed = attributes.get("coordinate_transformation_mode", "half_pixel")
    if sizes is not None:
        side = whole(sizes)[-2:]
    else:
        factors = need(inputs, 1 if scales is None else 2).tolist()[-2:]
        side = [int(n * factor) for n, factor in zip(pixels.shape[2:], factors, strict=True)]
    if mode == "nearest" and placed == "asymmetric" and attributes.get("nearest_mode") == "floor":
        return F.interpolate(pixels, side, mode="nearest")
    if mode == "linear" and placed in ("half_pixel", "pytorch_half_pixel"):
        return F.interpolate(pixels, side, mode="bilinear", align_corners=False)
    if mode == "linear" and placed == "align_corners":
        return F.interpolate(pixels, side, mode="bilinear", align_corners=True)
    raise ValueError(f"resizing by {mode}, {placed} is not known here")


def shape(inputs: Inputs, attributes: Attributes) -> Tensor:
    """The lengths of its axes."""
    lengths = list(need(inputs, 0).shape)
    return torch.tensor(lengths[attributes.get("start", 0) : attributes.get("end")])


def slice_(inputs: Inputs, attributes: Attributes) -> Tensor:
    """A slice; its bounds are attributes in older files, inputs in newer ones."""
    values = need(inputs, 0)
    if "starts" in attributes:
        starts, ends, steps = attributes["starts"], attributes["ends"], None
    else:
        starts, ends, steps = whole(need(inputs, 1)), whole(need(inputs, 2)), at(inputs, 4)
    axes = axes_of(inputs, attributes, 3) or list(range(len(starts)))
    for axis, start, end, step in zip(
        axes, starts, ends, whole(steps, [1] * len(starts)), strict=True
    ):
        places = list(range(*slice(start, end, step).indices(values.shape[axis])))
        if step == 1:
            values = values.narrow(axis, places[0] if places else 0, len(places))
        else:
            values = values.index_select(axis, torch.tensor(places, device=values.device))
    return values


def split(inputs: Inputs, attributes: Attributes) -> Sequence[Tensor]:
    """Parts along an axis, of stated lengths or of equal ones."""
    values, axis = need(inputs, 0), attributes.get("axis", 0)
    lengths = attributes.get("split") or whole(at(inputs, 1))
    if lengths:
        return torch.split(values, list(lengths), axis)
    count = attributes.get("num_outputs", attributes["outputs"])
    return torch.split(values, -(-values.shape[axis] // count), axis)


def squeeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    """Without axes of length 1."""
    axes = axes_of(inputs, attributes)
    return need(inputs, 0).squeeze() if axes is None else need(inputs, 0).squeeze(tuple(axes))


def unsqueeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    """With new axes of length 1, counted in the result."""
    values, axes = need(inputs, 0), axes_of(inputs, attributes) or []
    final = values.ndim + len(axes)
    for axis in sorted(axis % final for axis in axes):
        values = values.unsqueeze(axis)
    return values


def transpose(inputs: Inputs, attributes: Attributes) -> Tensor:
    """The axes in another order; reversed where none is named."""
    values = need(inputs, 0)
    return values.permute(attributes.get("perm", list(range(values.ndim))[::-1]))


SHAPES: dict[str, Operator] = {
    "Cast": cast,
    "Concat": concat,
    "Constant": lambda _, attributes: attributes["value"],
    "ConstantOfShape": constant_of_shape,
    "DepthToSpace": depth_to_space,
    "Einsum": einsum,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "Pad": pad,
    "Range": lambda inputs, _: torch.arange(*(need(inputs, i).item() for i in range(3))),
    "Reshape": reshape,
    "Resize": resize,
    "Shape": shape,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": lambda inputs, _: need(inputs, 0).repeat(whole(need(inputs, 1))),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
