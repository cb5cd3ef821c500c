"""Pillow's bicubic resize, and framing, as matrices, one for each axis.

A resize is linear and separable: out = rows @ in @ columns^T. Pillow computes it in 8 bits; a
gradient goes back by the transposes. Source: Pillow, src/libImaging/Resample.c
(precompute_coeffs, bicubic_filter with a = -0.5).
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.framing import Framing, scaled_size

SHARPNESS = -0.5  # Keys' a
SUPPORT = 2.0  # of the filter, in pixels of the coarser grid
CACHED = 16  # matrices kept: images of one size share theirs


@lru_cache(maxsize=CACHED)
def bicubic_weights(
    length: int, output: int, start: float = 0.0, end: float | None = None
) -> Tensor:
    """The matrix, float32 [output, length], that resizes the part from `start` to `end` (None: the
    end) of `length` pixels to `output` pixels. Each row sums to 1.

    As in Pillow, pixels just outside the part count where the filter reaches them.
    """
    scale = ((length if end is None else end) - start) / output
    stretch = max(scale, 1.0)
    centres = start + (np.arange(output) + 0.5) * scale
    away = (np.arange(length) + 0.5 - centres[:, None]) / stretch
    weights = _cubic(np.abs(away))
    weights /= weights.sum(1, keepdims=True)
    return torch.from_numpy(weights).float()


@lru_cache(maxsize=CACHED)
def framing_weights(height: int, width: int, size: int, framing: Framing) -> tuple[Tensor, Tensor]:
    """The matrices of `framing.frame`: rows [size, height] and columns [size, width]."""
    if framing == "pad":
        across, down = scaled_size(width, height, size, framing)
        return _padded(height, down, size), _padded(width, across, size)
    if framing == "squash":
        return bicubic_weights(height, size), bicubic_weights(width, size)
    side = min(height, width)
    return _middle(height, side, size), _middle(width, side, size)


def _padded(length: int, scaled: int, size: int) -> Tensor:
    places = torch.arange(size) - (size - scaled) // 2
    return bicubic_weights(length, scaled)[places.clamp(0, scaled - 1)]


def _middle(length: int, side: int, size: int) -> Tensor:
    start = (length - side) // 2
    return bicubic_weights(length, size, float(start), float(start + side))


def _cubic(away: NDArray[np.float64]) -> NDArray[np.float64]:
    a = SHARPNESS
    near = ((a + 2) * away - (a + 3)) * away**2 + 1
    far = a * (((away - 5) * away + 8) * away - 4)
    return np.where(away < 1, near, np.where(away < SUPPORT, far, 0.0))
