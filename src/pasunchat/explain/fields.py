"""Field: which pixels a unit sees, followed through a network (its receptive field)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pasunchat.explain.forward_pass import ForwardPass, Step

AXES = (0, 1, 2, 3)  # where batch, channels, rows and columns lie in [N, C, H, W]
SAME_PLACES = ("native_batch_norm", "clone", "to_copy", "alias", "detach", "cat", "dropout")
OVER_CHANNELS = ("sum", "mean", "amax", "all", "any", "slice", "split", "flip", "select")
POOLS = ("max_pool2d_with_indices", "max_pool2d", "avg_pool2d")


@dataclass(frozen=True)
class Field:
    """The square of pixels that a unit sees: unit (y, x) sees from offset + stride * (y, x) on,
    `size` pixels each way; part of it may lie outside of the picture."""

    stride: int  # how many pixels further the field of the neighbour begins
    offset: int  # where that of unit (0, 0) begins; below 0 where it overlaps the padding
    size: int

    def at(self, y: int, x: int) -> tuple[int, int, int]:
        """(left, top, size) of the square that unit (y, x) sees, in pixels."""
        return self.offset + self.stride * x, self.offset + self.stride * y, self.size


@dataclass(frozen=True)
class Place:
    """What is known of where the numbers of a value come from."""

    field: Field | None  # of its units; None where it cannot be known
    axes: tuple[int, ...] = AXES  # which of its axes are batch, channels, rows and columns

    def maps(self, value: Tensor) -> Tensor:
        """The value as [C, H, W], of one picture."""
        return value.permute(self.axes)[0]


def places(seen: ForwardPass) -> dict[int, Place]:
    """The place of each value that is still a picture or maps; others are left out.

    A convolution or pooling with kernel k, step s and padding p makes of a field (stride, offset,
    size) the field (stride s, offset - p stride, size + (k - 1) stride): Araujo et al. 2019,
    https://distill.pub/2019/computing-receptive-fields, equations 2 to 4. Where paths meet, the
    square around both counts. What mixes all positions, or steps differently along rows and
    columns, leaves no field behind.
    """
    found: dict[int, Place] = {0: Place(Field(1, 0, 1))}
    for step in seen.steps:
        place = _after(step, found, seen.values)
        if place is not None:
            for number in step.outputs:
                if seen.values[number].ndim == 4:
                    found[number] = place
    return found


def _after(step: Step, found: Mapping[int, Place], values: Mapping[int, Tensor]) -> Place | None:
    of_maps = [found[number] for number in step.inputs if number in found]
    if not of_maps or not step.outputs:
        return None
    if step.operation == "convolution" or step.operation in POOLS:
        return _through_kernel(step, of_maps[0]) if of_maps[0].axes == AXES else None
    if step.operation == "constant_pad_nd":
        return _padded(step, of_maps[0])
    if step.operation in ("permute", "transpose", "t"):
        return _turned(step, of_maps[0], values)
    if step.pointwise or step.operation in SAME_PLACES:
        return _met(step, found, values)
    if step.operation in OVER_CHANNELS:
        kept = _sides(of_maps[0], values[step.inputs[0]]) == _sides(
            of_maps[0], values[step.outputs[0]]
        )
        return of_maps[0] if kept else _unknown(of_maps[0], values[step.outputs[0]])
    return _unknown(of_maps[0], values[step.outputs[0]])


def _unknown(place: Place, out: Tensor) -> Place | None:
    """Still maps, of which no more is known than that."""
    return Place(None, place.axes) if out.ndim == 4 else None


def _met(step: Step, found: Mapping[int, Place], values: Mapping[int, Tensor]) -> Place | None:
    """Where paths meet: the place of all of them, at the positions of the largest."""
    sizes = {n: values[n].numel() for n in step.inputs if values[n].numel() > 1}
    if any(number not in found for number in sizes):
        largest = max(sizes, key=lambda n: sizes[n], default=None)
        known = found.get(largest) if largest is not None else None
        return _unknown(known, values[step.outputs[0]]) if known else None
    of_maps = [found[number] for number in sizes]
    if not of_maps or any(place.axes != of_maps[0].axes for place in of_maps):
        return None
    fields = [place.field for place in of_maps]
    return Place(_around(fields), of_maps[0].axes)


def _around(fields: list[Field | None]) -> Field | None:
    known = [field for field in fields if field is not None]
    if len(known) < len(fields) or len({field.stride for field in known}) != 1:
        return None
    offset = min(field.offset for field in known)
    end = max(field.offset + field.size for field in known)
    return Field(known[0].stride, offset, end - offset)


def _through_kernel(step: Step, place: Place) -> Place:
    rows, columns = kernel_of(step)
    field = place.field
    if field is None or rows != columns:
        return Place(None)
    kernel, stride, padding, dilation = rows
    return Place(
        Field(
            field.stride * stride,
            field.offset - padding * field.stride,
            field.size + dilation * (kernel - 1) * field.stride,
        )
    )


def kernel_of(step: Step) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """(kernel, step, padding, dilation) along rows, and along columns, of a convolution or a
    pooling."""
    given = list(step.arguments)
    if step.operation == "convolution":
        weight: Tensor = given[1]
        kernel, stride, padding, dilation = weight.shape[2:], given[3], given[4], given[5]
    else:
        kernel = given[1]
        stride = given[2] if len(given) > 2 and given[2] else kernel
        padding = given[3] if len(given) > 3 else 0
        dilation = 1
        if step.operation != "avg_pool2d" and len(given) > 4:
            dilation = given[4]
    rows, columns = (
        tuple(_along(each, axis) for each in (kernel, stride, padding, dilation)) for axis in (0, 1)
    )
    return rows, columns  # type: ignore[return-value]


def _along(value: Any, axis: int) -> int:
    if isinstance(value, int):
        return value
    return int(value[axis] if len(value) > 1 else value[0])


def _padded(step: Step, place: Place) -> Place | None:
    """Zeros around; in torch's order: columns before and behind, rows before and behind."""
    pads = [*step.arguments[1], 0, 0, 0, 0]
    if place.axes != AXES or any(pads[4:]):
        return None
    if place.field is None or pads[0] != pads[2]:
        return Place(None)
    field = place.field
    return Place(replace(field, offset=field.offset - pads[0] * field.stride))


def _turned(step: Step, place: Place, values: Mapping[int, Tensor]) -> Place | None:
    """The axes behind a permutation."""
    count = values[step.inputs[0]].ndim
    if step.operation == "permute":
        order = [axis % count for axis in step.arguments[1]]
    else:
        first, second = (0, 1) if step.operation == "t" else step.arguments[1:3]
        order = list(range(count))
        order[first], order[second] = order[second], order[first]
    if count != 4:
        return None
    return Place(place.field, tuple(order.index(axis) for axis in place.axes))


def _sides(place: Place, value: Tensor) -> tuple[int, ...] | None:
    if value.ndim != 4:
        return None
    return value.shape[place.axes[2]], value.shape[place.axes[3]]
