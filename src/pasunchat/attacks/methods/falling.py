"""A value that falls by a cosine over an attack's steps (Loshchilov and Hutter 2017)."""

from math import cos, pi

from torch import Tensor


def falling(first: float, last: float, clock: Tensor, steps: int, like: Tensor) -> Tensor:
    """`first` at clock 0 and `last` at clock `steps`, [N], in the type and place of `like`.

    clock: int64 [N]. Reckoned a row at a time, so that it is the same bits in any company.
    """
    shares = [(1 + cos(pi * at / steps)) / 2 for at in clock.tolist()]
    return like.new_tensor([last + (first - last) * share for share in shares])
