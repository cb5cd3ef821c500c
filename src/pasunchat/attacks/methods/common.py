"""What several attacks use: a step size that falls by a cosine, steps of Adam, and a turn."""

from math import cos, pi
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.norms import batch_view, normalize

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of Adam, as in its paper


def cosine(first: float, last: float, step: int, steps: int) -> float:
    """`first` at step 0, `last` at step `steps`, half a cosine wave between them."""
    return last + (first - last) * (1 + cos(pi * step / steps)) / 2


def turned(direction: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """The direction of L2 1 after adding `weight` [N] times the unit gradient."""
    return normalize(normalize(gradient).mul_(batch_view(weight)).add_(direction))


class AdamStep(NamedTuple):
    """One step of Adam, each part shaped like the gradient."""

    exp_avg: Tensor  # the first moment, this gradient included
    exp_avg_sq: Tensor  # the second moment, this gradient included
    direction: Tensor  # what to subtract from the variable, times the learning rate
    scale: Tensor  # what each value of the first moment was divided by


def adam_step(
    exp_avg: Tensor, exp_avg_sq: Tensor, gradient: Tensor, count: int | Tensor
) -> AdamStep:
    """Both moments with one gradient more, and the direction without their bias towards 0.

    exp_avg, exp_avg_sq, gradient: [N, 3, H, W]; both moments are 0 before the first gradient.
    count: gradients so far, this one included; [N, 1, 1, 1] where the rows' counts differ.
    """
    exp_avg = exp_avg.lerp(gradient, 1 - BETA_1)
    exp_avg_sq = exp_avg_sq.lerp(gradient.square(), 1 - BETA_2)
    counts = torch.as_tensor(count, dtype=torch.float64)
    bias_1, bias_2 = ((1 - beta**counts).to(gradient) for beta in (BETA_1, BETA_2))
    scale = (exp_avg_sq / bias_2).sqrt() + EPSILON
    return AdamStep(exp_avg, exp_avg_sq, exp_avg / bias_1 / scale, scale)
