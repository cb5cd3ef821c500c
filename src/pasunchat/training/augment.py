"""What is done to a batch of training photos: a function of (seed, epoch, photo), on tensors."""

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.runtime import generator
from pasunchat.training.recipe import Augment

DRAWS = 16
LEAST_ERASED, MOST_ERASED = 0.15, 0.4


def draws(photos: int, seed: int, epoch: int) -> Tensor:
    """The chances of an epoch, float [photos, 16] in [0, 1): a row a training photo."""
    return torch.rand(photos, DRAWS, generator=generator(seed, "augment", epoch))


def augmented(pixels: Tensor, chance: Tensor, how: Augment, side: int | None = None) -> Tensor:
    """Pixels [N, 3, H, W] in [0, 1] changed as `how` says; [N, 3, side, side] if a side is given.

    chance: float [N, 16] in [0, 1), from `draws`.
    """
    wanted = side or pixels.shape[-1]
    if how.crop < 1 or how.flip > 0 or wanted != pixels.shape[-1]:
        pixels = cropped(pixels, chance[:, :4], how, wanted)
    if how.brightness or how.contrast or how.colour or how.grey:
        pixels = recoloured(pixels, chance[:, 4:10], how)
    if how.erase:
        pixels = erased(pixels, chance[:, 10:14], how.erase)
    return pixels


def cropped(pixels: Tensor, chance: Tensor, how: Augment, side: int) -> Tensor:
    """A part of each picture, mirrored or not, scaled to side x side, bilinear, antialiased."""
    share = how.crop + (1 - how.crop) * chance[:, 0]
    turn = torch.where(chance[:, 1] < how.flip, -1.0, 1.0)
    shift = (1 - share)[:, None] * (2 * chance[:, 2:4] - 1)
    zero = torch.zeros_like(share)
    rows = torch.stack([turn * share, zero, shift[:, 0], zero, share, shift[:, 1]], 1)
    shrink = pixels.shape[-1] * how.crop / side
    if shrink > 1:
        smaller = round(pixels.shape[-1] / shrink)
        pixels = functional.interpolate(
            pixels, (smaller, smaller), mode="bilinear", antialias=True, align_corners=False
        )
    grid = functional.affine_grid(
        rows.view(-1, 2, 3), [len(pixels), 3, side, side], align_corners=False
    )
    found = functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found.contiguous(memory_format=torch.channels_last)


def recoloured(pixels: Tensor, chance: Tensor, how: Augment) -> Tensor:
    """Contrast about each picture's mean, brightness, a gain of each colour, or no colour."""

    def spread(column: Tensor, largest: float) -> Tensor:
        return (largest * (2 * column - 1))[:, None, None, None]

    mean = pixels.mean((1, 2, 3), keepdim=True)
    pixels = mean + (pixels - mean) * (1 + spread(chance[:, 0], how.contrast))
    pixels = pixels + spread(chance[:, 1], how.brightness)
    gain = 1 + how.colour * (2 * chance[:, 2:5] - 1)
    pixels = pixels * gain[:, :, None, None]
    is_grey = (chance[:, 5] < how.grey)[:, None, None, None]
    pixels = torch.where(is_grey, pixels.mean(1, keepdim=True), pixels)
    return pixels.clamp(0, 1)


def erased(pixels: Tensor, chance: Tensor, how_often: float) -> Tensor:
    """A grey square on some of the pictures (Zhong et al. 2020)."""
    side = pixels.shape[-1]
    half = (LEAST_ERASED + (MOST_ERASED - LEAST_ERASED) * chance[:, 1]) / 2
    place = (torch.arange(side, device=pixels.device) + 0.5) / side
    inside = [(place[None] - chance[:, axis, None]).abs() < half[:, None] for axis in (2, 3)]
    square = inside[0][:, :, None] & inside[1][:, None, :]
    blank = square & (chance[:, 0] < how_often)[:, None, None]
    return torch.where(blank[:, None], torch.full_like(pixels, 0.5), pixels)


def mixed(values: Tensor, share: float) -> Tensor:
    """Each row blended with the row as far from the other end: share of itself, the rest of that.

    Pixels, labels as probabilities, and a teacher's answers are blended alike.
    """
    return share * values + (1 - share) * values.flip(0)


def mixing_share(alpha: float, seed: int, epoch: int, step: int) -> float:
    """How much of itself a photo keeps in mixup: a draw of Beta(alpha, alpha), at least a half."""
    from scipy.stats import beta

    draw = torch.rand(1, generator=generator(seed, "mixup", epoch, step)).item()
    found = float(beta.ppf(draw, alpha, alpha))
    return max(found, 1 - found)
