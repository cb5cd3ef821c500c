"""Local connections, then a shared kernel: what that saves, and what it brings.

A local layer has nine weights of its own at each place; a convolution has nine for all of them. So
when the picture moves, what the convolution makes of it moves along; the local layer has to learn
each place anew.
"""

import numpy as np
import torch
from torch.nn.functional import conv2d, unfold

from pasunchat.photos.drawing import draw

SIDE, SHIFT = 64, 5  # pixels
picture = torch.from_numpy(np.array(draw("cat", 0, 1, SIDE).convert("L"))) / 255


def local(picture: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Each place's nine pixels times the nine weights of that place, added up."""
    windows = unfold(picture[None, None], 3, padding=1)[0]  # nine pixels for each place
    return (windows * weights).sum(0).view(SIDE, SIDE)


def convolution(picture: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return conv2d(picture[None, None], kernel.view(1, 1, 3, 3), padding=1)[0, 0]


generator = torch.Generator().manual_seed(0)
own = torch.randn(9, SIDE * SIDE, generator=generator)  # nine weights for each place
shared = own[:, 0]  # nine weights
print(f"weights: dense {SIDE**4:,}, local {own.numel():,}, shared {shared.numel()}")

alike = shared[:, None].expand(9, SIDE * SIDE)
same = (local(picture, alike) - convolution(picture, shared)).abs().max() < 1e-5
print(f"a local layer with the same nine everywhere is the convolution: {bool(same)}")

moved = picture.roll(SHIFT, dims=1)
inner = slice(SHIFT + 1, SIDE - 1)  # away from the borders
for name, layer, weights in (("local", local, own), ("shared", convolution, shared)):
    before = layer(picture, weights).roll(SHIFT, dims=1)[inner, inner]
    apart = (layer(moved, weights)[inner, inner] - before).abs().max()
    print(f"picture moved by {SHIFT}: {name} answers move along: {bool(apart < 1e-5)}")
