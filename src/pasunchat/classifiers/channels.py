"""What a network wants of a picture: which channels, and in which order its numbers lie.

Pixels are RGB everywhere else; a network that wants grey is given what Pillow's mode "L" holds.
"""

from typing import Literal

import torch
from torch import Tensor

Channels = Literal["RGB", "BGR", "L"]
# Of its input; a tuple, for one channel, is the shape of one picture: (784,) or (28, 28).
Layout = Literal["NCHW", "NHWC"] | tuple[int, ...]

WEIGHTS = (19595, 38470, 7471)  # of R, G and B in a grey, in 65,536ths: ITU-R BT.601's luma
WHOLE = 65536
ON_GRID = 1e-3  # of a level: nearer to one, a value is that level


def in_channels(pixels: Tensor, channels: Channels) -> Tensor:
    """Pixels, float [N, 3, H, W] in RGB, as [N, 3, H, W] in BGR, or [N, 1, H, W] in grey."""
    if channels == "RGB":
        return pixels
    return pixels.flip(1) if channels == "BGR" else grey(pixels)


def grey(pixels: Tensor) -> Tensor:
    """Pixels, float [N, 3, H, W] in [0, 1], as grey, [N, 1, H, W].

    Where all three values are levels of an 8-bit file, it is what Pillow makes of them, to the bit
    (src/libImaging/Convert.c): (19595 R + 38470 G + 7471 B + 32768) >> 16. Between levels nothing
    is rounded, and the gradient is that of the sum everywhere.
    """
    levels = pixels * 255
    near = levels.round()
    weights = pixels.new_tensor(WEIGHTS).view(1, 3, 1, 1)
    luma = (levels * weights).sum(1, keepdim=True) / (255 * WHOLE)
    # whole numbers below 2^24, so float32 holds them exactly
    whole = (((near * weights).sum(1, keepdim=True) + WHOLE // 2) / WHOLE).floor() / 255
    on_grid = ((levels - near).abs() < ON_GRID).all(1, keepdim=True)
    return torch.where(on_grid, whole.detach() + (luma - luma.detach()), luma)


def laid_out(pixels: Tensor, layout: Layout) -> Tensor:
    """Pixels [N, C, H, W] in the order of axes that a network takes."""
    if layout == "NCHW":
        return pixels
    if layout == "NHWC":
        return pixels.permute(0, 2, 3, 1)
    return pixels.reshape(len(pixels), *layout)
