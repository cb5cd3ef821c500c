"""Adam's two moments, each row on its own clock (Kingma and Ba 2015, arXiv:1412.6980)."""

from torch import Tensor

from pasunchat.attacks.norms import wide

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def updated(mean: Tensor, square: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Both moments [N, 3, H, W] with one gradient more."""
    return mean.lerp(gradient, 1 - BETA_1), square.lerp(gradient.square(), 1 - BETA_2)


def corrected(mean: Tensor, square: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and the root of the square with epsilon, both without their bias towards 0.

    clock: int64 [N], gradients taken so far, 1 or more.
    """
    first, second = (
        wide(mean.new_tensor([1 - beta**time for time in clock.tolist()]))
        for beta in (BETA_1, BETA_2)
    )
    return mean / first, (square / second).sqrt() + EPSILON
