"""The shapes of which Square in L2 makes its change (arXiv:1912.00049, section 3.4)."""

from functools import lru_cache

import torch
from torch import Generator, Tensor


def signs(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """+1 or -1 for each place."""
    return torch.randint(0, 2, shape, generator=generator).float().mul_(2).sub_(1)


def tile(height: int, width: int, generator: Generator) -> Tensor:
    """[H, W] of length 1: a hill above or beside a hollow."""
    if torch.rand((), generator=generator) < 0.5:
        return tile_upright(width, height).T
    return tile_upright(height, width)


@lru_cache(maxsize=256)
def tile_upright(height: int, width: int) -> Tensor:
    """[H, W] of length 1: a hill over a hollow."""
    shape = torch.cat([_hill(height // 2, width), -_hill(height - height // 2, width)])
    return shape / shape.square().sum().sqrt().clamp_min(1e-12)


def _hill(height: int, width: int) -> Tensor:
    """[H, W]: rectangles around the middle, the k-th of them 1/k^2 high, one upon the other."""
    hill = torch.zeros(height, width)
    middle = [height // 2, width // 2]
    for k in range(1, max(height, width) // 2 + 2):
        top, left = (max(at - k + 1, 0) for at in middle)
        bottom, right = (at + k for at in middle)
        hill[top:bottom, left:right] += 1 / k**2
    return hill


def tiled(shape: torch.Size, generator: Generator) -> Tensor:
    """[C, H, W] of length 1: a tile in each fifth of the picture, a sign for each channel."""
    channels, height, width = shape
    side = max(min(height, width) // 5, 1)
    change = torch.zeros(shape)
    for row in range(height // side):
        for column in range(width // side):
            at = (slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
            change[:, *at] = tile(side, side, generator) * signs((channels, 1, 1), generator)
    return change / change.square().sum().sqrt().clamp_min(1e-12)
