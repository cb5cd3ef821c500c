"""The changes that Square tries (arXiv:1912.00049, algorithms 2 and 3), one row at a time."""

import torch
from torch import Generator, Tensor

from pasunchat.attacks.methods.tiles import signs, tile, tiled


def stripes(photo: Tensor, generator: Generator) -> Tensor:
    """One row's first change in LINF, [3, H, W] of +-1: vertical stripes."""
    channels, height, width = photo.shape
    return signs((channels, 1, width), generator).to(photo).expand(-1, height, -1)


def tiles(photo: Tensor, generator: Generator) -> Tensor:
    """One row's first change in L2, [3, H, W] of length 1: tiles a fifth of the picture wide."""
    return tiled(photo.shape, generator).to(photo)


def _place(photo: Tensor, side: int, generator: Generator) -> tuple[slice, slice]:
    """Where a square lies."""
    rows, columns = (
        int(torch.randint(0, length - side + 1, (), generator=generator))
        for length in photo.shape[1:]
    )
    return slice(rows, rows + side), slice(columns, columns + side)


def other_square(
    photo: Tensor, now: Tensor, radius: float, side: int, generator: Generator
) -> Tensor:
    """The pixels with the change in one square +-radius, a sign for each channel (LINF)."""
    rows, columns = _place(photo, side, generator)
    tried = now.clone()
    window = photo[:, rows, columns] + radius * signs((len(photo), 1, 1), generator).to(photo)
    tried[:, rows, columns] = window.clamp_(0, 1)
    return tried


def other_square_l2(
    photo: Tensor, now: Tensor, radius: float, side: int, generator: Generator
) -> Tensor:
    """The pixels with the change of one square moved into another, where it takes the shape of a
    tile (L2, algorithm 3)."""
    side = min(max(side, 3) | 1, *photo.shape[1:])
    change = now - photo
    rows, columns = _place(photo, side, generator)
    emptied = _place(photo, side, generator)
    before = change.square().sum()
    here = change[:, rows, columns].clone()
    both = change.clone()
    both[:, rows, columns] = 0
    both[:, emptied[0], emptied[1]] = 0
    freed = before - both.square().sum()
    own = here.square().sum((1, 2), keepdim=True).sqrt()
    shape = tile(side, side, generator) * signs((len(photo), 1, 1), generator)
    shape = shape.to(photo) + here / own.clamp_min(1e-12)
    length = ((radius**2 - before).clamp_min(0) / len(photo) + freed / len(photo)).sqrt()
    size = shape.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    change = both
    change[:, rows, columns] = shape / size * length
    change = change * (radius / change.square().sum().sqrt().clamp_min(1e-12))
    return (photo + change).clamp_(0, 1)
