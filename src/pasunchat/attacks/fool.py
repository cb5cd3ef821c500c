"""The front door: photos, a classifier and an attack in; an AttackResult out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.attack import Attack
from pasunchat.attacks.norms import L2, Norm
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.search import Found, search
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.parsing import from_table
from pasunchat.photos.image import read_photo
from pasunchat.progress import Progress, silent
from pasunchat.runtime import keep_pages, seed_from
from pasunchat.storage import sha256


def fool(
    classifier: Classifier,
    photos: Tensor | Sequence[Path | str],
    *,
    goal: Goal | None = None,
    attack: str | Attack[Any] = "learned-noise",
    norm: Norm = L2,
    levels: int | None = 256,
    seed: int = 0,
    progress: Progress = silent,
) -> AttackResult:
    """Find a small change to each photo that brings the classifier to the goal.

    photos: pixels, float [N, 3, H, W] in [0, 1], or paths of files. goal: by default the class
    that comes second for each photo. attack: a name of ATTACKS ("learned-noise:price=0.01") or a
    value. The result is judged as it would be saved, on `levels` values a pixel, each row alone.
    Raises PasunchatError for bad input, and for an attack that does not serve the norm.
    """
    keep_pages()
    method = from_table(attack, ATTACKS, "attack") if isinstance(attack, str) else attack
    if norm.name not in method.norms:
        raise PasunchatError(
            f"this attack makes {', '.join(method.norms)} small, not {norm.name}; "
            "take another attack or norm"
        )
    pixels = _pixels(classifier, photos)
    before = classifier.judge(pixels, batch=1)
    goal = goal or Goal(runner_up(before))
    problem = Problem(pixels, goal.to(pixels.device), norm, levels)
    keys = _keys(seed, problem)
    still_open = torch.nonzero(~goal.to("cpu").reached(before)).squeeze(1)
    found = search(classifier, problem, method, keys, still_open, progress)
    return _judged(classifier, problem, before, found, method, seed)


def runner_up(logits: Tensor) -> Tensor:
    """The class that comes second, int64 [N], of logits [N, C]."""
    return logits.topk(2, dim=1).indices[:, 1]


def _pixels(classifier: Classifier, photos: Tensor | Sequence[Path | str]) -> Tensor:
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


def _keys(seed: int, problem: Problem) -> Tensor:
    """A seed of each row's own: of the seed, the photo and the goal, not of its place."""
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
    found: Found,
    method: Attack[Any],
    seed: int,
) -> AttackResult:
    pixels, goal = problem.snap(found.pixels), problem.goal.to("cpu")
    after = classifier.judge(pixels, batch=1)
    return AttackResult(
        photos=problem.pixels,
        pixels=pixels,
        status=_status(goal.reached(before), goal.reached(after), found.moved),
        distance=problem.norm.measure(pixels - problem.pixels).cpu(),
        margin=goal.margin(after),
        goal=goal.classes,
        before_logits=before,
        after_logits=after,
        forwards=found.forwards,
        backwards=found.backwards,
        attack=_name(method),
        settings=asdict(method),  # type: ignore[call-overload]
        seed=seed,
    )


def _status(was: Tensor, now: Tensor, moved: Tensor) -> tuple[Status, ...]:
    def of(was: bool, now: bool, moved: bool) -> Status:
        if was:
            return Status.ALREADY_WRONG
        if now:
            return Status.REACHED
        return Status.NOT_REACHED if moved else Status.NO_GRADIENT

    return tuple(of(*map(bool, row)) for row in zip(was, now, moved, strict=True))


def _name(method: Attack[Any]) -> str:
    same = [name for name, row in ATTACKS.items() if type(row) is type(method)]
    return same[0] if same else type(method).__name__
