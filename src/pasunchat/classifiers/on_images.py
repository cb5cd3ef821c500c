"""Steps that work on 8-bit images, as Pillow does, as part of a graph that autograd differentiates.

Forward, a step is exact: uint8 in, uint8 out. Backward it states how a gradient goes back: exactly,
up to the rounding, for steps that are linear; approximately for others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pasunchat.classifiers.classifier import as_pixels
from pasunchat.classifiers.resampling import framing_weights
from pasunchat.framing import Framing, frame


class Step(Protocol):
    """Something done to one image."""

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [H, W, 3] -> uint8 [h, w, 3]."""

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        """The gradient of the output, float [3, h, w] on the CPU -> that of `image`, [3, H, W]."""


@dataclass(frozen=True)
class Framed:
    """The image framed as a square of `size` pixels, as `predict` frames a photo."""

    size: int
    framing: Framing

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return frame(Image.fromarray(image), self.size, self.framing)

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        rows, columns = framing_weights(image.shape[0], image.shape[1], self.size, self.framing)
        return rows.T @ gradient @ columns


@dataclass(frozen=True)
class Chain:
    """Several steps, one after the other."""

    steps: tuple[Step, ...]

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        for step in self.steps:
            image = step.forward(image)
        return image

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        images = [image]
        for step in self.steps[:-1]:
            images.append(step.forward(images[-1]))
        for step, seen in zip(reversed(self.steps), reversed(images), strict=True):
            gradient = step.backward(seen, gradient)
        return gradient


def on_images(pixels: Tensor, steps: Sequence[Step]) -> Tensor:
    """Apply steps[n] to row n of pixels, float [N, 3, H, W] in [0, 1]; gives float [N, 3, h, w].

    Pixels off the 256 levels are rounded first. It runs row by row and on the CPU, so a row's bits
    do not depend on the rows beside it. All results must have one size.
    """
    changed: Tensor = _OnImages.apply(pixels, tuple(steps))  # type: ignore[no-untyped-call]
    return changed


def nearest_images(pixels: Tensor) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3]: the images nearest to pixels, float [N, 3, H, W] in [0, 1]."""
    levels = (pixels.detach().cpu().float() * 255).round_().clamp_(0, 255).to(torch.uint8)
    images: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().numpy()
    return images


class _OnImages(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, pixels: Tensor, steps: tuple[Step, ...]) -> Tensor:
        images = nearest_images(pixels)
        context.images, context.steps, context.device = images, steps, pixels.device
        changed: list[NDArray[np.uint8]] = []
        for row, (step, image) in enumerate(zip(steps, images, strict=True)):
            repeated = row and _same_input(images, steps, row)
            changed.append(changed[-1] if repeated else step.forward(image))
        return as_pixels(np.stack(changed), pixels.device)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        images, steps, after = context.images, context.steps, gradients[0].cpu().float()
        before: list[Tensor] = []
        for row, (step, image) in enumerate(zip(steps, images, strict=True)):
            repeated = row and torch.equal(after[row], after[row - 1])
            repeated = repeated and _same_input(images, steps, row)
            before.append(before[-1] if repeated else step.backward(image, after[row]))
        whole = torch.stack(before).contiguous(memory_format=torch.channels_last)
        return whole.to(context.device), None


def _same_input(images: NDArray[np.uint8], steps: Sequence[Step], row: int) -> bool:
    """Whether a row repeats the one before it; rows that only fill up a batch do."""
    return steps[row] == steps[row - 1] and np.array_equal(images[row], images[row - 1])
