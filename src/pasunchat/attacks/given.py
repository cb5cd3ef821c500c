"""What a caller gives, checked: photos, a goal, a norm and a radius become one problem.

Raises PasunchatError, in one line, for what is off.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks.norms import Norm
from pasunchat.attacks.problem import ROUNDING, Goal, Problem
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.photos.image import read_photo


def pixels_of(photos: Tensor | Sequence[Path | str], classifier: Classifier) -> Tensor:
    """Pixels, float32 [N, 3, H, W] in [0, 1], on the classifier's device; files are read, in the
    size and framing that it states."""
    device = classifier.mean.device
    if not isinstance(photos, Tensor):
        if classifier.size is None:
            raise PasunchatError("this classifier states no picture size; give pixels, not files")
        side, framing = classifier.size, classifier.framing
        return as_pixels(np.stack([read_photo(Path(p), side, framing) for p in photos]), device)
    if photos.ndim != 4 or photos.shape[1] != 3 or not photos.is_floating_point():
        raise PasunchatError(
            f"expected pixels as float [N, 3, H, W], got {photos.dtype} {list(photos.shape)}"
        )
    if len(photos) and not (float(photos.min()) >= 0 and float(photos.max()) <= 1):
        raise PasunchatError(
            f"expected pixels in [0, 1], got {float(photos.min()):g} to "
            f"{float(photos.max()):g}; divide by 255, and leave mean and std to the Classifier"
        )
    return photos.to(device).float().contiguous(memory_format=torch.channels_last)


def finite(logits: Tensor) -> Tensor:
    """The logits, all of them numbers."""
    if not bool(logits.isfinite().all()):
        raise PasunchatError(
            "the classifier's logits are not finite numbers on these photos; check its weights "
            "and its normalisation (mean and std)"
        )
    return logits


def confident(goal: Goal, confidence: float | None) -> Goal:
    """The goal with that confidence, where one is given."""
    try:
        return goal if confidence is None else replace(goal, confidence=confidence)
    except ValueError as error:
        raise PasunchatError(str(error)) from error


def problem_of(
    pixels: Tensor,
    goal: Goal,
    norm: Norm,
    radius: float | None,
    levels: int | None,
    mask: Tensor | None,
) -> Problem:
    """The problem in one piece, on the pixels' device."""
    if radius is not None and not 0 <= radius < inf:
        raise PasunchatError(f"radius: expected a number of at least 0, got {radius}")
    if levels is not None and levels < 2:
        raise PasunchatError(f"levels: expected 2 or more, or None, got {levels}")
    if radius and levels is not None:
        _refuse_less_than_a_step(radius, norm, levels)
    reach = None if radius is None else pixels.new_full((len(pixels),), radius)
    on_grid = Problem(pixels, goal, norm, levels).snap(pixels)
    problem = Problem(on_grid, goal.to(pixels.device), norm, levels, reach)
    if len(pixels) and float((on_grid - pixels).abs().max()) > 1e-4:
        raise PasunchatError(
            f"these pixels do not lie on {levels} levels, so no file holds them; round them "
            "(pixels.mul(255).round().div(255)), or take levels=None"
        )
    if mask is None:
        return problem
    whole = (mask.bool() if mask.ndim == 4 else mask.bool()[None, None]).to(pixels.device)
    return replace(problem, mask=whole.expand(len(pixels), whole.shape[1], *pixels.shape[2:]))


def _refuse_less_than_a_step(radius: float, norm: Norm, levels: int) -> None:
    """On a grid the photo itself is the only picture nearer than one value moved by one level."""
    step = torch.zeros(1, 3, 1, 1)
    step[0, 0] = 1 / (levels - 1)
    least = float(norm.measure(step))
    if radius < least * (1 - ROUNDING):
        raise PasunchatError(
            f"radius: no picture of {levels} levels but the photo itself lies within {radius:g} in "
            f"{norm.name}; give at least {least:g}" + (f" (1/{levels - 1})" if least < 1 else "")
        )
