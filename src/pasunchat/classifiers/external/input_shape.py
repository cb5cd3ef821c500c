"""The input of a file that states its shape: which channels, in which order, of which size."""

from collections.abc import Sequence
from math import isqrt, prod
from typing import NamedTuple

from pasunchat.classifiers.channels import Channels, Layout
from pasunchat.errors import PasunchatError

EXPECTED = "[N, 3, H, W] or [N, H, W, 3], or, for grey, 1 in place of 3, [N, H, W] or [N, H * W]"


class InputShape(NamedTuple):
    """What one picture is to a network."""

    channels: Channels  # RGB for three channels, L for one
    layout: Layout
    size: int | None  # side of the pictures; None: any

    @property
    def unusual_channels(self) -> Channels | None:
        """The channels, where they are not the usual RGB."""
        return None if self.channels == "RGB" else self.channels


def input_shape(sides: Sequence[int | None], model: str) -> InputShape:
    """What an input without its first axis, the rows, stands for. sides: None where any number is
    taken. Raises PasunchatError where it is no square picture of one or three channels."""
    for number, channels in ((3, "RGB"), (1, "L")):
        for layout, axis in (("NCHW", 0), ("NHWC", -1)):
            if len(sides) == 3 and sides[axis] == number:
                rows, columns = (sides[1], sides[2]) if axis == 0 else (sides[0], sides[1])
                if rows == columns:
                    return InputShape(channels, layout, rows)  # type: ignore[arg-type]
                if number == 3:
                    raise PasunchatError(
                        f"{model} takes images of {rows} x {columns}; expected squares"
                    )
    known = tuple(side for side in sides if side)
    size = isqrt(prod(known))
    if known and len(known) == len(sides) and size**2 == prod(known):
        return InputShape("L", known, size)
    shown = ", ".join(str(side or "any") for side in (None, *sides))
    raise PasunchatError(
        f"{model} is no classifier of square images: expected an input {EXPECTED}, got [{shown}]"
    )
