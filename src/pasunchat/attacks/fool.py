"""The front door: photos, a classifier and a Request in; an AttackResult out.

A `Request` is all that a caller asks of a search, as one value: checked once, handed on whole by
`fool`, `fool_photos` and `attack_split`. One more option is one field of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.norms import L2, NORMS, ROUNDING, Norm
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Effort, Method, settings_of
from pasunchat.attacks.result import AttackResult, RequestInfo, Status
from pasunchat.attacks.search import SearchResult, SearchTask, find
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.limits import check_search
from pasunchat.parsing import from_table
from pasunchat.photos.image import read_photo
from pasunchat.progress import Progress, silent
from pasunchat.runtime import keep_pages, seed_from
from pasunchat.storage import sha256


@dataclass(frozen=True, eq=False)
class Request:
    """How to search. Raises PasunchatError for what is off, and for an attack that does not serve
    the norm, or that wants a radius and has none."""

    attack: str | Method | None = None  # "pgd:steps=200" or a value; None: the norm's nearest
    norm: Norm = L2  # or its name
    radius: float | None = None  # the largest distance allowed; None: the nearest change
    confidence: float | None = None  # in (0, 1): least probability of the class in the end
    levels: int | None = 256  # values a pixel may take: 256 for 8-bit files, None for any number
    mask: Tensor | None = None  # bool [H, W], or [N, 1 or 3, H, W]: what may change
    effort: Effort = "normal"  # for attacks that have it
    seconds: float | None = None  # time a photo; then the best so far is the result
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.norm, str):
            object.__setattr__(self, "norm", _norm(self.norm))
        check_search(
            norm=self.norm.name,
            radius=self.radius,
            confidence=self.confidence,
            levels=self.levels,
            seconds=self.seconds,
        )
        self._refuse_less_than_a_step()
        self._refuse_unserved()

    @cached_property
    def method(self) -> Method:
        """The attack named, or the norm's own, with the effort where it has that setting."""
        if self.attack is not None and not isinstance(self.attack, str):
            return self.attack
        method = from_table(self.attack or self.norm.nearest, ATTACKS, "attack")
        has_effort = any(field.name == "effort" for field in fields(method))  # type: ignore[arg-type]
        if self.effort != "normal" and has_effort:
            method = replace(method, effort=self.effort)  # type: ignore[type-var]
        return method

    @property
    def name(self) -> str:
        """The attack's name in ATTACKS; the name of its type where it has no row."""
        if isinstance(self.attack, str):
            return self.attack.partition(":")[0]
        return name_of(self.method)

    def info(self) -> RequestInfo:
        """The request in plain values."""
        mask = self.mask
        return RequestInfo(
            attack=self.name,
            settings=settings_of(self.method),
            norm=self.norm.name,
            radius=self.radius,
            confidence=self.confidence,
            levels=self.levels,
            mask=None if mask is None else sha256(repr(mask.shape), mask.cpu().numpy().tobytes()),
            effort=self.effort,
            seconds=self.seconds,
            seed=self.seed,
        )

    def _refuse_unserved(self) -> None:
        info = self.method.info
        if not info.serves(self.norm.name):
            raise PasunchatError(
                f"{self.name} makes {', '.join(info.norms)} small, not {self.norm.name}; take "
                f"another norm, or one of: {', '.join(serving(self.norm))}"
            )
        if self.radius is None and "nearest" not in info.aims:
            others = [n for n in serving(self.norm) if "nearest" in ATTACKS[n].info.aims]
            raise PasunchatError(
                f"{self.name} searches inside a radius; give one (--radius 4/255), or take one "
                f"of: {', '.join(others)}"
            )

    def _refuse_less_than_a_step(self) -> None:
        """On a grid the photo itself is the only picture nearer than one value moved by a level."""
        if not self.radius or self.levels is None:
            return
        least = self.norm.least(self.levels - 1)
        if self.radius < least * (1 - ROUNDING):
            raise PasunchatError(
                f"radius: no picture of {self.levels} levels but the photo itself lies within "
                f"{self.radius:g} in {self.norm.name}; give at least {least:g}"
                + (f" (1/{self.levels - 1})" if least < 1 else "")
            )


def fool(
    classifier: Classifier,
    photos: Tensor | Sequence[Path | str],
    request: Request | None = None,
    *,
    goal: Goal | None = None,
    progress: Progress = silent,
    steps: Progress = silent,
    **options: Any,
) -> AttackResult:
    """Find the least change to each photo that brings the classifier to the goal.

    photos: pixels, float [N, 3, H, W] in [0, 1], or paths of files. request: how to search; options
    are fields of `Request` and may be given instead: `fool(classifier, photos, norm=LINF)`. goal:
    by default the class that comes second for each photo. progress: (photos done, photos). steps:
    (steps done, steps) of the search at work, of which an attack may make several; 0 steps where
    its end is not known.
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
    task = SearchTask(classifier, problem, keys, active, progress, deadline, steps)
    found = find(request.method, task)
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
            f"mask: expected {pixels.shape[2]} x {pixels.shape[3]}, the photos' height and width "
            f"(or [N, 1 or 3, H, W]), got {' x '.join(map(str, mask.shape))}"
        )
    return whole.to(pixels.device).expand(shape)


def _norm(name: str) -> Norm:
    """The table's own row, not a copy: attacks ask whether a norm `is` L2."""
    if name not in NORMS:
        raise PasunchatError(f'unknown norm "{name}"; there are: {", ".join(NORMS)}')
    return NORMS[name]


def serving(norm: Norm) -> list[str]:
    """The names of the attacks that serve a norm."""
    return [name for name, attack in ATTACKS.items() if attack.info.serves(norm.name)]


def name_of(method: Method) -> str:
    """How ATTACKS spells an attack; the name of its type where it has no row."""
    rows = [(name, row) for name, row in ATTACKS.items() if type(row) is type(method)]
    same = [name for name, row in rows if row == method]
    kin = [name for name, row in rows if row.info.paper == method.info.paper]
    return (same or kin or [type(method).__name__])[0]


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
