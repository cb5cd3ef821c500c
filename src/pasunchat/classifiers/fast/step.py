"""The kernel as one step of autograd: from pixels and weights to logits, and their gradients.

A photo is fastest forward and back in one go, while its maps are in the cache; but autograd says
only later what gradient the logits have. With two classes almost any loss sees them as z0 - z1,
so their gradients are (g, -g): going forward, each photo's gradient of z0 - z1 is taken with it,
and going back it is multiplied by that photo's g. Photos where the two are not opposite are run
once more, with their own.
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
    Kernel,
    Work,
    lay_out,
    photo_gradients,
    weight_gradients,
)

OPPOSITE = 1e-4  # how far from (g, -g), as a share of 2 g
NEGLIGIBLE = 1e-6  # the same, as a share of the largest 2 g in a batch that is summed


class Seen(NamedTuple):
    """What the network sees: pixels times scale plus shift, a number for each colour."""

    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)


def logits(
    pixels: Tensor, weights: list[Tensor], normalisation: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Logits [N, 2] of pixels [N, 3, size, size]; weights: w1, b1, .., w3, b3, dense w, b.

    normalisation: scale and shift of the pixels, [1, 3, 1, 1] or [1, 1, 1, 1].
    """
    seen = Seen(*(tuple(n.expand(1, 3, 1, 1).flatten().tolist()) for n in normalisation or ()))
    if torch.is_grad_enabled() and (pixels.requires_grad or weights[0].requires_grad):
        return _Step.apply(seen, pixels, *weights)  # type: ignore[no-any-return, no-untyped-call]
    return torch.from_numpy(_Batch(pixels, weights, seen).run().logits)


def try_out() -> None:
    """Compile all of it, or raise what numba says."""
    blocks = [torch.zeros(16, 3, 3, 3), *[torch.zeros(16, 16, 3, 3)] * 2, torch.zeros(2, 16)]
    weights = [tensor for block in blocks for tensor in (block, torch.zeros(len(block)))]
    batch = _Batch(torch.zeros(1, 3, 8, 8), weights, Seen(), of_weights=True)
    batch.gradients(batch.run(), torch.tensor([[1.0, -1.0]]))


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, seen: Seen, pixels: Tensor, *weights: Tensor) -> Tensor:
        _, of_pixels, of_weights, *_ = ctx.needs_input_grad
        ctx.save_for_backward(pixels, *weights)
        ctx.batch = _Batch(pixels, weights, seen, of_weights, of_pixels)
        ctx.work = ctx.batch.run()
        return torch.from_numpy(ctx.work.logits)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # refuses tensors that were changed since
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            return None, *_by_layers(ctx.batch.seen, saved, slopes, ctx.needs_input_grad[1:])
        return None, *ctx.batch.gradients(ctx.work, slopes)


class _Batch:
    """A batch and its weights, ready for the kernel, and which gradients are wanted."""

    def __init__(
        self,
        pixels: Tensor,
        weights: Sequence[Tensor],
        seen: Seen,
        of_weights: bool = False,
        of_pixels: bool = False,
    ) -> None:
        self.size, self.channels = pixels.shape[2], len(weights[1])
        self.seen, self.of_weights, self.of_pixels = seen, of_weights, of_pixels
        self.photos = pixels.detach().permute(0, 2, 3, 1).contiguous().numpy()
        arrays = [w.detach().numpy() for w in weights]
        self.weights = lay_out(arrays, self.size, of_pixels, seen.scale, seen.shift)

    def run(
        self, rows: NDArray[np.bool_] | None = None, slopes: NDArray[np.float32] | None = None
    ) -> Work:
        """Logits, and gradients of their product with `slopes`; by default of z0 - z1."""
        photos = self.photos if rows is None else self.photos[rows]
        if slopes is None:
            slopes = np.tile(np.array([1, -1], np.float32), (len(photos), 1))
        kernel = _kernel(os.getpid(), self.size, self.channels, torch.get_num_threads())
        return kernel.run(photos, self.weights, slopes, self.of_weights, self.of_pixels)

    def gradients(self, work: Work, slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Of pixels and of each weight, from `work` on z0 - z1 and the slopes of the logits."""
        again = self._not_opposite(slopes)
        opposite = slopes.masked_fill(again[:, None], 0)
        parts = [(work, (opposite[:, 0] - opposite[:, 1]) / 2, opposite)]
        if again.any():
            own = slopes[again]
            parts.append((self.run(again.numpy(), own.numpy()), torch.ones(len(own)), own))
        weights = self._sums(parts) if self.of_weights else [None] * 8
        return self._maps(parts, again) if self.of_pixels else None, *weights

    def _not_opposite(self, slopes: Tensor) -> Tensor:
        """bool [N]: photos whose slopes are more than a rounding away from (g, -g)."""
        both, apart = slopes.sum(1).abs(), (slopes[:, 0] - slopes[:, 1]).abs()
        most = OPPOSITE * apart
        if not self.of_pixels:
            most = most.maximum(NEGLIGIBLE * apart.max())
        return both > most

    def _sums(self, parts: list[tuple[Work, Tensor, Tensor]]) -> list[Tensor]:
        """The weights' gradients, summed over the photos."""
        sums = [
            weight_gradients(work, scales.numpy(), slopes.numpy(), self.channels)
            for work, scales, slopes in parts
        ]
        return [torch.from_numpy(sum(same[1:], same[0])) for same in zip(*sums, strict=True)]

    def _maps(self, parts: list[tuple[Work, Tensor, Tensor]], again: Tensor) -> Tensor:
        """Each photo's gradient, [N, 3, size, size]."""
        maps = [torch.from_numpy(photo_gradients(work, self.size)) for work, *_ in parts]
        scale = torch.tensor(self.seen.scale)
        out = maps[0] * (parts[0][1][:, None, None, None] * scale)
        if len(maps) > 1:
            out[again] = maps[1] * scale
        return out.permute(0, 3, 1, 2)


def _by_layers(
    seen: Seen, saved: tuple[Tensor, ...], slopes: Tensor, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    """The same gradients by torch's own layers, so that they have gradients themselves."""
    pixels, *weights = saved
    scale, shift = (torch.tensor(n)[:, None, None] for n in (seen.scale, seen.shift))
    x = pixels * scale + shift
    for w, b in zip(weights[:6:2], weights[1:6:2], strict=True):
        x = functional.relu(functional.max_pool2d(functional.conv2d(x, w, b, padding=1), 2))
    result = functional.linear(x.flatten(1), *weights[6:])
    inputs = [tensor for tensor, want in zip(saved, wanted, strict=True) if want]
    found = iter(torch.autograd.grad(result, inputs, slopes, create_graph=True))
    return tuple(next(found) if want else None for want in wanted)


@lru_cache(maxsize=8)
def _kernel(_process: int, size: int, channels: int, threads: int) -> Kernel:
    """One for each process, since threads do not live on in a fork."""
    return Kernel(size, channels, threads)
