"""Pooling: a unit further in sees more of the photo.

Asks the network itself: which input pixels have a gradient for a unit of each layer? The talk's row
is 3, 4, 8, 10, 18, 22, 224. Writes receptive_fields.png, the squares of those units on the eye of a
drawn cat, into the folder given, or into the current one.
"""

import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import nn

from pasunchat.photos.drawing import draw

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
EYE = (95 / 224, 132 / 224)  # its row and column, as shares of the side


def seen_by(unit: torch.Tensor, pixels: torch.Tensor) -> list[int]:
    """Of the pixels that a unit depends on: first column and row, last column and row."""
    (gradient,) = torch.autograd.grad(unit, pixels, retain_graph=True)
    rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
    return [int(edge) for edge in (columns.min(), rows.min(), columns.max(), rows.max())]


layers: list[nn.Module] = []
for channels in (3, 16, 16):
    # the mean of four instead of the largest: all four count, and the square is the same
    layers += [nn.Conv2d(channels, 16, 3, padding=1), nn.AvgPool2d(2)]
layers.append(nn.Conv2d(16, 2, 28))  # the dense layer: one kernel as large as the map

torch.manual_seed(0)
values = pixels = torch.rand(1, 3, 224, 224, requires_grad=True)
picture = draw("cat", 0, 3)
for layer in layers:
    values = layer(values)
    row, column = (int(share * values.shape[2]) for share in EYE)
    left, top, right, bottom = seen_by(values[0, 0, row, column], pixels)
    kind, made = type(layer).__name__, "x".join(map(str, values.shape[1:]))
    print(f"{kind}: {made}, a unit sees {right - left + 1}x{bottom - top + 1} pixels")
    around = (left - 1, top - 1, right + 1, bottom + 1)
    ImageDraw.Draw(picture).rectangle(around, outline="black")
picture.resize((448, 448), Image.Resampling.NEAREST).save(FOLDER / "receptive_fields.png")
