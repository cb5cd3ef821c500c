"""The front door: photos, a classifier and a Request in; an AttackResult out.

A `Request` is all that a caller asks of a search, as one value: checked once, handed on whole by
`fool`, `fool_photos` and `attack_split`. One more option is one field of it.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from time import monotonic
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.find import find
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Effort, Method, settings_of
from pasunchat.attacks.result import AttackResult, RequestInfo, Status
from pasunchat.attacks.search import SearchResult, SearchTask
from pasunchat.attacks.watch import ALONE, Watch
from pasunchat.classifiers.classifier import Classifier, finite
from pasunchat.classifiers.folding import folded_for_search
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.classifiers.modes import buffers_kept, ordinary, outside_inference_mode
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.inputs import Labels, Photos, classes_of, in_range, off_grid, pixels_of
from pasunchat.limits import check_radius, check_search
from pasunchat.norms import L2, NORMS, ROUNDING, Norm
from pasunchat.parsing import from_table, number
from pasunchat.progress import Progress, silent
from pasunchat.runtime import keep_pages, seed_from
from pasunchat.storage import sha256

GRID = 256  # levels of an 8-bit file
NUMBERS: dict[str, type[int] | type[float]] = {  # fields of a Request
    "confidence": float,
    "levels": int,
    "seconds": float,
    "seed": int,
}


# A classifier, a problem of N rows -> bool [N], on the CPU: of which rows it is proved that nothing
# within the radius reaches the goal
Proved = Callable[[Classifier, Problem], Tensor]


def nothing_is_proved(_: Classifier, problem: Problem) -> Tensor:
    """For a search to which nobody proves anything."""
    return torch.zeros(len(problem.pixels), dtype=torch.bool)


@dataclass(frozen=True, eq=False)
class Request:
    """How to search. Raises PasunchatError for what is off, and for an attack that does not serve
    the norm, or that wants a radius and has none."""

    attack: str | Method | None = None  # "pgd:steps=200" or a value; None: the norm's nearest
    norm: Norm = L2  # or its name
    # the largest distance allowed, or as a word: "4/255"; None: the nearest change
    radius: float | None = None
    confidence: float | None = None  # in (0, 1): least probability of the class in the end
    levels: int | None = GRID  # values a pixel may take: 256 for 8-bit files, None for any number
    mask: Tensor | None = None  # bool [H, W], or [N, 1 or 3, H, W]: what may change
    effort: Effort = "normal"  # for attacks that have it
    seconds: float | None = None  # time a photo; then the best so far is the result
    seed: int = 0

    def __post_init__(self) -> None:
        self._take_plain_values()
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

    def _take_plain_values(self) -> None:
        """A norm by its name, a radius in words, numbers and masks of other libraries."""
        if not isinstance(self.norm, Norm):
            object.__setattr__(self, "norm", _norm(self.norm))
        if self.radius is not None:
            object.__setattr__(self, "radius", radius_of(self.radius))
        for name, kind in NUMBERS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _number(value, kind, name))
        if isinstance(self.mask, np.ndarray):
            object.__setattr__(self, "mask", torch.from_numpy(self.mask.astype(bool)))
        if self.effort not in get_args(Effort):
            raise PasunchatError(
                f"effort: expected {', '.join(get_args(Effort))}, got {self.effort!r}; take one of "
                "them"
            )
        if not (
            self.attack is None or isinstance(self.attack, str) or hasattr(self.attack, "info")
        ):
            raise PasunchatError(
                f'attack: expected a name, as in "pgd:steps=200", or an attack, got '
                f"{type(self.attack).__name__}; there are: {', '.join(ATTACKS)}"
            )
        if self.mask is not None and not isinstance(self.mask, Tensor):
            raise PasunchatError(
                f"mask: expected a bool tensor [H, W], got {type(self.mask).__name__}; True where "
                "a change is allowed"
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
    model: Model,
    photos: Photos,
    labels: Labels | Request | None = None,
    request: Request | None = None,
    *,
    goal: Goal | None = None,
    progress: Progress = silent,
    steps: Progress = silent,
    watch: Watch = ALONE,
    proved: Proved = nothing_is_proved,
    **options: Any,
) -> AttackResult:
    """Find the least change to each photo that brings the classifier to the goal.

    model: a Classifier, any torch module that takes pixels in [0, 1] and gives logits, or what
    `load` takes. photos: pixels, images or files, see `pixels_of`. labels: the class that each
    photo is to leave, or one for all, as places among the outputs or as names. goal: any other
    goal, instead of labels; without either, the class that comes second for each photo. request:
    how to search, also in the place of labels; options are fields of `Request` and may be given
    instead: `fool(model, photos, labels, norm="linf", radius="8/255")`. progress: (photos done,
    photos). steps: (steps done, steps) of the search at work, of which an attack may make several;
    0 steps where its end is not known. watch: hears each query, and may end the search. proved:
    says of which rows it is proved that nothing within the radius reaches the goal; they are not
    searched, and are `not_reached`.
    The result is judged as it would be saved, on the request's levels, each row alone. Pixels that
    lie on no 256 levels mean `levels=None`, with a warning, unless levels are among the options.
    Raises PasunchatError for bad input.
    """
    keep_pages()
    if isinstance(labels, Request):
        if request is not None:
            raise TypeError("give one Request, not two")
        labels, request = None, labels
    with outside_inference_mode():
        classifier = as_classifier(model)
        pixels = pixels_of(photos, classifier)
        request = request_of(*without_grid(pixels, request, options))
        with buffers_kept(classifier):
            return _fooled(
                classifier, pixels, labels, goal, request, progress, steps, watch, proved
            )


def _fooled(
    classifier: Classifier,
    pixels: Tensor,
    labels: Labels | None,
    goal: Goal | None,
    request: Request,
    progress: Progress,
    steps: Progress,
    watch: Watch,
    proved: Proved,
) -> AttackResult:
    deadline = None if request.seconds is None else monotonic() + request.seconds * len(pixels)
    before = finite(classifier.predict_logits(pixels, batch=1))
    goal = replace(goal_of(labels, goal, classifier, before, request), scale=before.abs().amax(1))
    problem = problem_of(pixels, goal, request)
    open_ = ~_met(goal, before)
    safe = open_ & (proved(classifier, problem) if bool(open_.any()) else ~open_)
    active = torch.nonzero(open_ & ~safe).squeeze(1)
    keys = _keys(request.seed, problem)
    searched = folded_for_search(classifier)
    task = SearchTask(
        searched, problem, keys, active, progress, deadline, before.shape[1], steps, watch
    )
    found = find(request.method, task)
    found = replace(found, had_gradient=found.had_gradient | safe)
    return _judged(classifier, problem, before, found, request)


def request_of(request: Request | None, options: dict[str, Any]) -> Request:
    """A request, or one made of options; never both."""
    if request is not None and options:
        raise TypeError(f"give a Request or {', '.join(options)}, not both")
    if request is not None and not isinstance(request, Request):
        raise PasunchatError(
            f"request: expected a Request, got {type(request).__name__}; give its fields by name, "
            'as in norm="linf"'
        )
    return request or Request(**options)


def without_grid(
    pixels: Tensor, request: Request | None, options: dict[str, Any]
) -> tuple[Request | None, dict[str, Any]]:
    """A request, or options, as they are; with `levels=None`, said in a warning, for pixels that
    lie on no 256 levels. Other levels, and those among the options, stay."""
    others = isinstance(request, Request) and request.levels != GRID
    if others or "levels" in options or not off_grid(pixels, GRID):
        return request, options
    warnings.warn(
        f"these pixels do not lie on the {GRID} levels of a file, so levels=None: the result is "
        "made of floats, and no file holds it",
        PasunchatWarning,
        stacklevel=3,
    )
    if isinstance(request, Request):
        return replace(request, levels=None), options
    return request, {**options, "levels": None}


def goal_of(
    labels: Labels | None,
    goal: Goal | None,
    classifier: Classifier,
    logits: Tensor,
    request: Request,
) -> Goal:
    """The goal that labels or a goal amount to, on the CPU: by default the class that comes second
    in the logits [N, C]."""
    count, total = logits.shape
    if goal is not None and labels is not None:
        raise PasunchatError("expected labels or a goal, got both; labels are what is to be left")
    if goal is not None and not isinstance(goal, Goal):
        raise PasunchatError(
            f"goal: expected a Goal, got {type(goal).__name__}; give classes to leave as labels, "
            "and classes to reach as Goal(classes)"
        )
    if labels is not None:
        names = [classifier.class_name(index) for index in range(total)]
        goal = Goal(classes_of(labels, names, count), targeted=False)
    goal = (goal or Goal(runner_up(logits))).to("cpu").of_all(count)
    goal = replace(goal, classes=ordinary(goal.classes))
    if len(goal.classes) != count:
        raise PasunchatError(
            f"goal: expected one class for each of {count} photos, got {len(goal.classes)}; give "
            "as many, or one for all"
        )
    in_range(goal.classes, total)
    return goal if request.confidence is None else replace(goal, confidence=request.confidence)


def problem_of(pixels: Tensor, goal: Goal, request: Request) -> Problem:
    """The problem in one piece, on the pixels' device."""
    levels, norm, device = request.levels, request.norm, pixels.device
    radius = None if request.radius is None else pixels.new_full((len(pixels),), request.radius)
    on_grid = Problem(pixels, goal, norm, levels).snap(pixels)
    if levels is not None and off_grid(pixels, levels):
        raise PasunchatError(
            f"these pixels do not lie on {levels} levels, so no file holds them; round them "
            "(pixels.mul(255).round().div(255)), or take levels=None"
        )
    mask = None if request.mask is None else mask_for(request.mask, pixels)
    return Problem(on_grid, goal.to(device), norm, levels, radius, mask)


def mask_for(mask: Tensor, pixels: Tensor) -> Tensor:
    """A mask [H, W], or [1 or N, 1 or 3, H, W], as bool [N, 1 or 3, H, W] on the pixels' device."""
    mask = ordinary(mask)
    whole = mask.bool() if mask.ndim == 4 else mask.bool()[None, None]
    shape = (len(pixels), *whole.shape[1:2], *pixels.shape[2:])
    fits = whole.ndim == 4 and whole.shape[0] in (1, len(pixels)) and whole.shape[1] in (1, 3)
    if not fits or whole.shape[2:] != pixels.shape[2:]:
        raise PasunchatError(
            f"mask: expected {pixels.shape[2]} x {pixels.shape[3]}, the photos' height and width "
            f"(or [N, 1 or 3, H, W]), got {' x '.join(map(str, mask.shape))}"
        )
    return whole.to(pixels.device).expand(shape)


def radius_of(value: Any) -> float:
    """A radius as a number: 0.03, "8/255", or a number of any library. Raises PasunchatError."""
    if isinstance(value, str):
        return number(value, "radius")
    radius = _number(value, float, "radius")
    check_radius(radius)
    return radius


def _number(value: Any, kind: type[int] | type[float], name: str) -> int | float:
    """A number of any library as Python's own."""
    try:
        plain = kind(value)
        whole = kind is float or plain == value
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise PasunchatError(
            f"{name}: expected a number, got {value!r}; give one for all photos"
        ) from error
    if not whole:
        raise PasunchatError(f"{name}: expected a whole number, got {value!r}; leave the rest out")
    return plain


def _norm(word: Any) -> Norm:
    """The norm meant by its name, or by its exponent, as in 2 and inf. The table's own row, not a
    copy: attacks ask whether a norm `is` L2."""
    lower = f"{word:g}" if isinstance(word, int | float) else str(word).lower()
    for name in (word, lower, f"l{lower}"):
        if isinstance(name, str) and name in NORMS:
            return NORMS[name]
    raise PasunchatError(f'unknown norm "{word}"; there are: {", ".join(NORMS)}')


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
        classes=classifier.classes,
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
