"""Random draws that belong to a row: each is a function of the row's key alone.

A row keeps its draws whatever rows are searched beside it, and global random state stays untouched.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from pasunchat.runtime import generator, seed_from

Draw = Callable[[Generator], Tensor]


def draw_rows(keys: Tensor, draw: Draw, *purpose: object) -> Tensor:
    """One draw a row, stacked, on the CPU: int64 [N] -> [N, ...].

    purpose: names the draw, so that several draws from one key differ.
    """
    return torch.stack([draw(generator(key, *purpose)) for key in keys.tolist()])


def draw_signs(keys: Tensor, like: Tensor, *purpose: object) -> Tensor:
    """+1 or -1 for each value of `like`, [N, ...], from the row's key."""
    shape = like.shape[1:]
    drawn = draw_rows(keys, lambda g: torch.randint(0, 2, shape, generator=g), *purpose)
    return drawn.to(like) * 2 - 1


def keys_for(keys: Tensor, *purpose: object) -> Tensor:
    """Other keys, int64 [N], for another search of the same rows."""
    return torch.tensor([seed_from(key, *purpose) for key in keys.tolist()], dtype=torch.int64)
