"""The kernel as one step of autograd: from pixels and weights to logits, and their gradients.

The kernel is fastest when it takes an image forward and back in one go, while its maps are in the
cache; but autograd states the gradient of the logits only later. With two classes almost any loss
depends on z0 - z1 alone, so the gradient of an image's logits is (g, -g). Hence the forward pass
already takes each image's gradient of z0 - z1, and the backward pass multiplies it by that image's
g. Images whose two gradients are not opposite are run once more, with the gradients they have.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.fast.kernel import (
    BatchResult,
    Kernel,
    lay_out,
    pixel_gradients,
    weight_gradients,
)

OPPOSITE = 1e-4  # how far from (g, -g) counts as opposite, as a share of 2 g
NEGLIGIBLE = 1e-6  # the same, as a share of the largest 2 g in a batch whose gradients are summed


class Normalisation(NamedTuple):
    """The network's input is pixels * scale + shift; a number for each colour."""

    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)


class _Part(NamedTuple):
    """Images of a batch whose gradients are in `result`, up to a factor for each."""

    result: BatchResult
    factors: Tensor  # [n]
    slopes: Tensor  # [n, 2]: the gradient of their logits


def logits(pixels: Tensor, weights: list[Tensor], scale: Tensor, shift: Tensor) -> Tensor:
    """Logits [N, 2] of pixels [N, 3, size, size], with gradients.

    weights: w1, b1, .., w3, b3, dense w, dense b. scale, shift: [1, 3, 1, 1] or [1, 1, 1, 1].
    """
    normalisation = Normalisation(_by_colour(scale), _by_colour(shift))
    if torch.is_grad_enabled() and (pixels.requires_grad or weights[0].requires_grad):
        return _Step.apply(normalisation, pixels, *weights)  # type: ignore[no-any-return, no-untyped-call]
    return torch.from_numpy(_Batch(pixels, weights, normalisation).run().logits)


def try_out() -> None:
    """Compile all of it, or raise what numba raises."""
    blocks = [torch.zeros(16, 3, 3, 3), *[torch.zeros(16, 16, 3, 3)] * 2, torch.zeros(2, 16)]
    weights = [tensor for block in blocks for tensor in (block, torch.zeros(len(block)))]
    batch = _Batch(torch.zeros(1, 3, 8, 8), weights, Normalisation(), of_weights=True)
    batch.gradients(batch.run(), torch.tensor([[1.0, -1.0]]))


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, normalisation: Normalisation, pixels: Tensor, *weights: Tensor) -> Tensor:
        _, of_pixels, of_weights, *_ = ctx.needs_input_grad
        ctx.save_for_backward(pixels, *weights)
        ctx.batch = _Batch(pixels, weights, normalisation, of_weights, of_pixels)
        ctx.result = ctx.batch.run()
        return torch.from_numpy(ctx.result.logits)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # refuses tensors that were changed since
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            wanted = ctx.needs_input_grad[1:]
            return None, *_by_layers(ctx.batch.normalisation, saved, slopes, wanted)
        return None, *ctx.batch.gradients(ctx.result, slopes)


class _Batch:
    """A batch and its weights, ready for the kernel, and which gradients are wanted."""

    def __init__(
        self,
        pixels: Tensor,
        weights: Sequence[Tensor],
        normalisation: Normalisation,
        of_weights: bool = False,
        of_pixels: bool = False,
    ) -> None:
        self.size, self.channels = pixels.shape[2], len(weights[1])
        self.normalisation, self.of_weights, self.of_pixels = normalisation, of_weights, of_pixels
        self.pixels = pixels.detach().permute(0, 2, 3, 1).contiguous().numpy()  # [N, H, W, 3]
        arrays = [weight.detach().numpy() for weight in weights]
        self.weights = lay_out(arrays, self.size, of_pixels, *normalisation)

    def run(
        self, rows: NDArray[np.bool_] | None = None, slopes: NDArray[np.float32] | None = None
    ) -> BatchResult:
        """Logits and the wanted gradients, of all images or those in `rows`.

        slopes: [n, 2], the gradient of the logits; by default that of z0 - z1, which is (1, -1).
        """
        pixels = self.pixels if rows is None else self.pixels[rows]
        if slopes is None:
            slopes = np.tile(np.array([1, -1], np.float32), (len(pixels), 1))
        kernel = _kernel(os.getpid(), self.size, self.channels, torch.get_num_threads())
        return kernel.run(pixels, self.weights, slopes, self.of_weights, self.of_pixels)

    def gradients(self, result: BatchResult, slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Of pixels and of each weight: from the gradients of z0 - z1 in `result`, and from the
        slopes of the logits, [N, 2]."""
        others = self._not_opposite(slopes)
        opposite = slopes.masked_fill(others[:, None], 0)
        parts = [_Part(result, (opposite[:, 0] - opposite[:, 1]) / 2, opposite)]
        if others.any():
            own = slopes[others]
            parts.append(_Part(self.run(others.numpy(), own.numpy()), torch.ones(len(own)), own))
        weights = self._of_weights(parts) if self.of_weights else [None] * 8
        return self._of_pixels(parts, others) if self.of_pixels else None, *weights

    def _not_opposite(self, slopes: Tensor) -> Tensor:
        """bool [N]: images whose slopes are further from (g, -g) than rounding explains."""
        both, apart = slopes.sum(1).abs(), (slopes[:, 0] - slopes[:, 1]).abs()
        most = OPPOSITE * apart
        if not self.of_pixels:
            most = most.maximum(NEGLIGIBLE * apart.max())
        return both > most

    def _of_weights(self, parts: list[_Part]) -> list[Tensor]:
        """The weights' gradients, summed over the images."""
        sums = [
            weight_gradients(result, factors.numpy(), slopes.numpy(), self.channels)
            for result, factors, slopes in parts
        ]
        return [torch.from_numpy(sum(same[1:], same[0])) for same in zip(*sums, strict=True)]

    def _of_pixels(self, parts: list[_Part], others: Tensor) -> Tensor:
        """Each image's gradient, [N, 3, size, size]."""
        maps = [torch.from_numpy(pixel_gradients(part.result, self.size)) for part in parts]
        scale = torch.tensor(self.normalisation.scale)
        out = maps[0] * (parts[0].factors[:, None, None, None] * scale)
        if len(maps) > 1:
            out[others] = maps[1] * scale
        return out.permute(0, 3, 1, 2)


def _by_colour(numbers: Tensor) -> tuple[float, ...]:
    """[1, 3, 1, 1] or [1, 1, 1, 1] -> three numbers."""
    return tuple(numbers.expand(1, 3, 1, 1).flatten().tolist())


def _by_layers(
    normalisation: Normalisation,
    saved: tuple[Tensor, ...],
    slopes: Tensor,
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """The same gradients by torch's own layers, so that they have gradients themselves."""
    pixels, *weights = saved
    scale, shift = (torch.tensor(numbers)[:, None, None] for numbers in normalisation)
    x = pixels * scale + shift
    for w, b in zip(weights[:6:2], weights[1:6:2], strict=True):
        x = functional.relu(functional.max_pool2d(functional.conv2d(x, w, b, padding=1), 2))
    result = functional.linear(x.flatten(1), *weights[6:])
    inputs = [tensor for tensor, want in zip(saved, wanted, strict=True) if want]
    found = iter(torch.autograd.grad(result, inputs, slopes, create_graph=True))
    return tuple(next(found) if want else None for want in wanted)


@lru_cache(maxsize=8)
def _kernel(_process: int, size: int, channels: int, threads: int) -> Kernel:
    """One for each process, since threads do not survive a fork."""
    return Kernel(size, channels, threads)
