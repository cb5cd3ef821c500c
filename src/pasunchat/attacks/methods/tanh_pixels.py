"""Pixels as 1/2 + (1/2 + WIDER) tanh(w), so that w may be any number (Carlini and Wagner 2017).

One level beyond [0, 1] on both sides: else a pixel at exactly 0 or 1 has no finite w, and what is
only nearly there moves by next to nothing.
"""

import torch
from torch import Tensor

WIDER = 1 / 255


def variable_of(pixels: Tensor) -> Tensor:
    """w of pixels [N, 3, H, W] in [0, 1]: finite at both ends.

    Row by row: torch's atanh rounds by the place of a value in memory.
    """
    inner = (2 * pixels - 1) / (1 + 2 * WIDER)
    return torch.stack([row.atanh() for row in inner]) if len(inner) else inner


def pixels_of(variable: Tensor) -> Tensor:
    """Pixels of w, up to WIDER beyond [0, 1]."""
    return 0.5 + (0.5 + WIDER) * variable.tanh()
