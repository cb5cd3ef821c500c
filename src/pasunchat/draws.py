"""Random draws that belong to a row: each is a function of the row's key alone.

A row keeps its draws whatever rows are searched beside it, and global random state stays untouched.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Generator, Tensor

from pasunchat.runtime import generator, seed_from

Draw = Callable[[Generator], Tensor]

# SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), its
# constants as int64, which torch multiplies modulo 2^64: what is added for each number, then a
# shift and a factor, twice, and a last shift.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
MIXES = ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64))
LAST_SHIFT = 31
MANTISSA = 53  # bits of a float64


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


def draw_numbers(keys: Tensor, count: int, *purpose: object) -> Tensor:
    """A few numbers in [0, 1) for each row, float64 [N, count], on the CPU, for all rows at once:
    a generator for each row, as of `draw_rows`, costs more than a query of a small network."""
    first = _mixed(keys + _salt(*purpose))[:, None]
    mixed = _mixed(first + GOLDEN * torch.arange(1, count + 1))
    return _shifted(mixed, 64 - MANTISSA).double() * 2.0**-MANTISSA


@lru_cache(maxsize=256)
def _salt(*purpose: object) -> int:
    return seed_from(*purpose)


def _mixed(numbers: Tensor) -> Tensor:
    """SplitMix64's mix of int64 [...]."""
    for shift, factor in MIXES:
        numbers = (numbers ^ _shifted(numbers, shift)) * factor
    return numbers ^ _shifted(numbers, LAST_SHIFT)


def _shifted(numbers: Tensor, bits: int) -> Tensor:
    """int64 [...] shifted to the right as if it had no sign."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)


def keys_for(keys: Tensor, *purpose: object) -> Tensor:
    """Other keys, int64 [N], for another search of the same rows."""
    return torch.tensor([seed_from(key, *purpose) for key in keys.tolist()], dtype=torch.int64)
