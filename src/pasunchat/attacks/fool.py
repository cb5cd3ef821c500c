"""The front door: photos, a classifier and a request in; an AttackResult out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.request import Request
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.search import SearchResult, SearchTask
from pasunchat.attacks.strategies.strategy import find
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.photos.image import read_photo
from pasunchat.progress import Progress, silent
from pasunchat.runtime import keep_pages, seed_from
from pasunchat.storage import sha256


def fool(
    classifier: Classifier,
    photos: Tensor | Sequence[Path | str],
    request: Request | None = None,
    *,
    goal: Goal | None = None,
    progress: Progress = silent,
    **options: Any,
) -> AttackResult:
    """Find the least change to each photo that brings the classifier to the goal.

    photos: pixels, float [N, 3, H, W] in [0, 1], or paths of files. request: how to search; options
    are fields of `Request` and may be given instead: `fool(classifier, photos, norm=LINF)`. goal:
    by default the class that comes second for each photo.
    The result is judged as it would be saved, on the request's levels, each row alone.
    Raises PasunchatError for bad input.
    """
    keep_pages()
    request = request_of(request, options)
    pixels = pixels_of(photos, classifier)
    deadline = None if request.seconds is None else monotonic() + request.seconds * len(pixels)
    before = finite(classifier.predict_logits(pixels, batch=1))
    goal = goal or Goal(runner_up(before))
    if request.confidence is not None:
        goal = replace(goal, confidence=request.confidence)
    goal = replace(goal.to("cpu"), scale=before.abs().amax(1))
    problem = problem_of(pixels, goal, request)
    active = torch.nonzero(~_met(goal, before)).squeeze(1)
    keys = _keys(request.seed, problem)
    found = find(request.method, SearchTask(classifier, problem, keys, active, progress, deadline))
    return _judged(classifier, problem, before, found, request)


def request_of(request: Request | None, options: dict[str, Any]) -> Request:
    """A request, or one made of options; never both."""
    if request is not None and options:
        raise TypeError(f"give a Request or {', '.join(options)}, not both")
    return request or Request(**options)


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
    """The logits, if all of them are numbers; else raises PasunchatError."""
    if not bool(logits.isfinite().all()):
        raise PasunchatError(
            "the classifier's logits are not finite numbers on these photos; check its weights "
            "and its normalisation (mean and std)"
        )
    return logits


def problem_of(pixels: Tensor, goal: Goal, request: Request) -> Problem:
    """The problem in one piece, on the pixels' device."""
    levels, norm, device = request.levels, request.norm, pixels.device
    radius = None if request.radius is None else pixels.new_full((len(pixels),), request.radius)
    on_grid = Problem(pixels, goal, norm, levels).snap(pixels)
    if len(pixels) and float((on_grid - pixels).abs().max()) > 1e-4:
        raise PasunchatError(
            f"these pixels do not lie on {levels} levels, so no file holds them; round them "
            "(pixels.mul(255).round().div(255)), or take levels=None"
        )
    mask = None if request.mask is None else mask_for(request.mask, pixels)
    return Problem(on_grid, goal.to(device), norm, levels, radius, mask)


def mask_for(mask: Tensor, pixels: Tensor) -> Tensor:
    """A mask [H, W], or [1 or N, 1 or 3, H, W], as bool [N, 1 or 3, H, W] on the pixels' device."""
    whole = mask.bool() if mask.ndim == 4 else mask.bool()[None, None]
    shape = (len(pixels), *whole.shape[1:2], *pixels.shape[2:])
    fits = whole.ndim == 4 and whole.shape[0] in (1, len(pixels)) and whole.shape[1] in (1, 3)
    if not fits or whole.shape[2:] != pixels.shape[2:]:
        raise PasunchatError(
            f"mask: expected [H, W] or [N, 1 or 3, H, W] of the pixels' {list(pixels.shape)}, got "
            f"{list(mask.shape)}"
        )
    return whole.to(pixels.device).expand(shape)


def runner_up(logits: Tensor) -> Tensor:
    """The class that comes second, int64 [N], of logits [N, C]."""
    return logits.topk(2, dim=1).indices[:, 1]


def _keys(seed: int, problem: Problem) -> Tensor:
    """A seed for each row: of the seed, the photo and the goal, not of its place."""
    rows = problem.pixels.cpu().permute(0, 2, 3, 1).contiguous().numpy()
    goals = problem.goal.classes.tolist()
    drawn = [
        seed_from(seed, sha256(row.tobytes()), goal) for row, goal in zip(rows, goals, strict=True)
    ]
    return torch.tensor(drawn, dtype=torch.int64)


def _judged(
    classifier: Classifier,
    problem: Problem,
    before: Tensor,
    found: SearchResult,
    request: Request,
) -> AttackResult:
    pixels, goal = problem.snap(found.pixels), problem.goal.to("cpu")
    after = classifier.predict_logits(pixels, batch=1)
    now = goal.reached(after) & problem.within(pixels).cpu()
    had_gradient = found.had_gradient | (request.method.info.needs != "gradients")
    return AttackResult(
        photos=problem.pixels,
        pixels=pixels,
        status=_status(_met(goal, before), now, had_gradient),
        distance=problem.distance(pixels).cpu(),
        margin=goal.margin(after),
        goal=goal.classes,
        before_logits=before,
        after_logits=after,
        forwards=found.forwards,
        backwards=found.backwards,
        request=request.info(),
    )


def _met(goal: Goal, logits: Tensor) -> Tensor:
    """Whether the goal is met at any confidence, bool [N]: then there is nothing to fool."""
    return replace(goal.to("cpu"), confidence=None).reached(logits)


def _status(was: Tensor, now: Tensor, had_gradient: Tensor) -> tuple[Status, ...]:
    def of(was: bool, now: bool, had_gradient: bool) -> Status:
        if was:
            return Status.ALREADY_WRONG
        if now:
            return Status.REACHED
        return Status.NOT_REACHED if had_gradient else Status.NO_GRADIENT

    return tuple(of(*map(bool, row)) for row in zip(was, now, had_gradient, strict=True))
