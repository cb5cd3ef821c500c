"""Augmentation of a batch: crop, mirror, colours, random erasing and mixup, as tensor operations.

What happens to a photo is a function of the seed, the epoch and the photo, whatever batch it is in:
its random numbers are its own row of `random_draws`. Only mixup blends the photos of a batch.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.runtime import generator
from pasunchat.training.recipe import Augment

DRAWS = 16  # random numbers for each photo; 14 are in use
LEAST_ERASED, MOST_ERASED = 0.15, 0.4  # side of the erased square, as a share of the image's


def random_draws(photos: int, seed: int, epoch: int) -> Tensor:
    """The random numbers of an epoch, float [photos, 16] in [0, 1): a row for each photo."""
    return torch.rand(photos, DRAWS, generator=generator(seed, "augment", epoch))


def augmented(pixels: Tensor, draws: Tensor, augment: Augment, size: int | None = None) -> Tensor:
    """Pixels [N, 3, H, H] in [0, 1], augmented, and resized to [N, 3, size, size] if size is given.

    draws: float [N, 16] in [0, 1), from `random_draws`.
    """
    size = size or pixels.shape[-1]
    if augment.crop < 1 or augment.flip > 0 or size != pixels.shape[-1]:
        pixels = cropped(pixels, draws[:, :4], augment, size)
    if augment.brightness or augment.contrast or augment.colour or augment.grey:
        pixels = recoloured(pixels, draws[:, 4:10], augment)
    if augment.erase:
        pixels = erased(pixels, draws[:, 10:14], augment.erase)
    return pixels


def cropped(pixels: Tensor, draws: Tensor, augment: Augment, size: int) -> Tensor:
    """A random square of each image, mirrored or not, resized to size x size.

    Bilinear, after an antialiased reduction where the square is larger than `size`.
    draws: float [N, 4]: side of the square, mirroring, place in x and y.
    """
    share = augment.crop + (1 - augment.crop) * draws[:, 0]
    direction = torch.where(draws[:, 1] < augment.flip, -1.0, 1.0)
    shift = (1 - share)[:, None] * (2 * draws[:, 2:4] - 1)
    zero = torch.zeros_like(share)
    rows = torch.stack([direction * share, zero, shift[:, 0], zero, share, shift[:, 1]], 1)
    shrink = pixels.shape[-1] * augment.crop / size
    if shrink > 1:
        smaller = round(pixels.shape[-1] / shrink)
        pixels = functional.interpolate(
            pixels, (smaller, smaller), mode="bilinear", antialias=True, align_corners=False
        )
    grid = functional.affine_grid(
        rows.view(-1, 2, 3), [len(pixels), 3, size, size], align_corners=False
    )
    resized = functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return resized.contiguous(memory_format=torch.channels_last)


def mirrored(pixels: Tensor, draws: Tensor, probability: float) -> Tensor:
    """Pixels [N, 3, H, W], some of them mirrored. draws: float [N, 16], as for `augmented`."""
    turned = (draws[:, 1] < probability)[:, None, None, None]
    return torch.where(turned, pixels.flip(3), pixels)


def recoloured(pixels: Tensor, draws: Tensor, augment: Augment) -> Tensor:
    """Contrast about each image's mean, brightness, a gain for each colour channel, or grey.

    draws: float [N, 6]: contrast, brightness, three gains, grey.
    """

    def symmetric(column: Tensor, largest: float) -> Tensor:  # [N] -> [N, 1, 1, 1], +- largest
        return (largest * (2 * column - 1))[:, None, None, None]

    mean = pixels.mean((1, 2, 3), keepdim=True)
    pixels = mean + (pixels - mean) * (1 + symmetric(draws[:, 0], augment.contrast))
    pixels = pixels + symmetric(draws[:, 1], augment.brightness)
    gain = 1 + augment.colour * (2 * draws[:, 2:5] - 1)
    pixels = pixels * gain[:, :, None, None]
    is_grey = (draws[:, 5] < augment.grey)[:, None, None, None]
    pixels = torch.where(is_grey, pixels.mean(1, keepdim=True), pixels)
    return pixels.clamp(0, 1)


def erased(pixels: Tensor, draws: Tensor, probability: float) -> Tensor:
    """A grey square on some of the images (random erasing, Zhong et al. 2020).

    draws: float [N, 4]: whether, side of the square, its centre in y and x.
    """
    size = pixels.shape[-1]
    half = (LEAST_ERASED + (MOST_ERASED - LEAST_ERASED) * draws[:, 1]) / 2
    place = (torch.arange(size, device=pixels.device) + 0.5) / size
    inside = [(place[None] - draws[:, axis, None]).abs() < half[:, None] for axis in (2, 3)]
    square = inside[0][:, :, None] & inside[1][:, None, :]
    blank = square & (draws[:, 0] < probability)[:, None, None]
    return torch.where(blank[:, None], torch.full_like(pixels, 0.5), pixels)


def mixup(values: Tensor, share: float) -> Tensor:
    """Each row blended with its opposite, the first with the last: share of itself, the rest of it.

    values: [N, ...]; pixels, labels as probabilities, and a teacher's logits are blended alike.
    """
    return share * values + (1 - share) * values.flip(0)


def mixup_share(alpha: float, seed: int, epoch: int, step: int) -> float:
    """How much of itself each photo of a batch keeps: a draw of Beta(alpha, alpha) or, where that
    is below a half, 1 minus it."""
    from scipy.stats import beta

    draw = torch.rand(1, generator=generator(seed, "mixup", epoch, step)).item()
    share = float(beta.ppf(draw, alpha, alpha))
    return max(share, 1 - share)
