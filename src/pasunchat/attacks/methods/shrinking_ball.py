"""The radius of a ball around the photo that shrinks after what reached and grows after what did
not; for fmn.py, which names the paper."""

import torch
from torch import Tensor

from pasunchat.attacks.norms import L0, PIXELS, Norm

COUNTS = (L0.name, PIXELS.name)


def next_radius(
    norm: Norm, radius: Tensor, gamma: Tensor, reached: Tensor, nearest: Tensor, crossing: Tensor
) -> Tensor:
    """The next radius, [N]; a whole number of at least 1 where the norm counts.

    gamma: by which share it changes. reached: bool, whether the last change did. nearest: the size
    of the smallest that did, infinite before. crossing: where a plane would be crossed. All [N].
    """
    fewer, more = radius * (1 - gamma), radius * (1 + gamma)
    if norm.name in COUNTS:
        fewer = torch.minimum(radius - 1, fewer.floor())
        more = torch.maximum(radius + 1, more.floor())
        return torch.where(reached, torch.minimum(fewer, nearest), more).clamp_min(1)
    more = torch.where(nearest.isinf(), torch.maximum(crossing, more), more)
    return torch.where(reached, torch.minimum(fewer, nearest), more)


def crossing_of(norm: Norm, size: Tensor, lead: Tensor, gradient: Tensor) -> Tensor:
    """How far from the photo a plane would be crossed, [N]: size of the change [N], and margin [N]
    and its gradient there."""
    slope = norm.dual(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)
    return size + lead.abs() / slope
