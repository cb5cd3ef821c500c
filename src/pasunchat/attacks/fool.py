"""The front door: photos, a classifier and an attack in; an AttackResult out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import torch
from torch import Tensor

from pasunchat.attacks import ATTACKS, NEAREST
from pasunchat.attacks.given import confident, finite, pixels_of, problem_of
from pasunchat.attacks.norms import L2, Norm
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Effort, Facts, settings_of
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.search import Found
from pasunchat.attacks.strategies.strategy import find
from pasunchat.attacks.task import Task
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.parsing import from_table
from pasunchat.progress import Progress, silent
from pasunchat.runtime import keep_pages, seed_from
from pasunchat.storage import sha256


def fool(
    classifier: Classifier,
    photos: Tensor | Sequence[Path | str],
    *,
    goal: Goal | None = None,
    attack: str | Facts | None = None,
    norm: Norm = L2,
    radius: float | None = None,
    confidence: float | None = None,
    levels: int | None = 256,
    mask: Tensor | None = None,
    effort: Effort = "normal",
    seed: int = 0,
    seconds: float | None = None,
    progress: Progress = silent,
) -> AttackResult:
    """Find the least change to each photo that brings the classifier to the goal.

    photos: pixels, float [N, 3, H, W] in [0, 1], or paths of files. goal: by default the class
    that comes second for each photo. attack: a name of ATTACKS ("pgd:steps=200") or a value; by
    default the norm's own best. radius: the largest distance allowed; None: the nearest.
    confidence: the least probability of the class read in the end. levels: 256 for 8-bit files,
    None for any number. mask: bool [H, W], or [N, 1 or 3, H, W], what may change. effort: for
    attacks that have it. seconds: after them every row is left with the best it has.
    The result is judged as it would be saved, on `levels` values a pixel, each row alone.
    Raises PasunchatError for bad input, and for an attack that does not serve the norm or aim.
    """
    keep_pages()
    until = None if seconds is None else monotonic() + seconds
    method = chosen(attack, norm, radius, effort)
    pixels = pixels_of(photos, classifier)
    before = finite(classifier.predict_logits(pixels, batch=1))
    goal = confident(goal or Goal(runner_up(before)), confidence)
    goal = replace(goal.to("cpu"), scale=before.abs().amax(1))
    problem = problem_of(pixels, goal, norm, radius, levels, mask)
    keys = _keys(seed, problem)
    still_open = torch.nonzero(~_read_so(goal, before)).squeeze(1)
    task = Task(classifier, problem, keys, still_open, progress, until)
    found = find(method, task)
    name = attack if isinstance(attack, str) else name_of(method)
    return _judged(classifier, problem, before, found, method, name.partition(":")[0], seed)


def chosen(
    attack: str | Facts | None, norm: Norm, radius: float | None, effort: Effort = "normal"
) -> Facts:
    """The attack named, or the norm's own best; with the effort where it has that setting.

    Raises PasunchatError where it does not serve the norm, or wants a radius and has none.
    """
    method = attack if attack is not None else NEAREST[norm.name]
    if isinstance(method, str):
        method = from_table(method, ATTACKS, "attack")
        if effort != "normal" and hasattr(method, "effort"):
            method = replace(method, effort=effort)  # type: ignore[type-var]
    if norm.name not in method.norms:
        raise PasunchatError(
            f"{name_of(method)} makes {', '.join(method.norms)} small, not {norm.name}; take "
            f"another norm, or one of: {', '.join(serving(norm))}"
        )
    if radius is None and "nearest" not in method.aims:
        raise PasunchatError(
            f"{name_of(method)} searches inside a radius; give one (--radius 4/255), or take one "
            f"of: {', '.join(n for n in serving(norm) if 'nearest' in ATTACKS[n].aims)}"
        )
    return method


def keeps_own(method: Facts) -> bool:
    """Whether an attack stops and chooses by a rule of its own, and so takes no confidence."""
    return getattr(method, "keeps", "nearest") == "own"


def serving(norm: Norm) -> list[str]:
    """The names of the attacks that serve a norm."""
    return [name for name, attack in ATTACKS.items() if norm.name in attack.norms]


def name_of(method: Facts) -> str:
    """How ATTACKS spells an attack; the name of its type where it has no row."""
    rows = [(name, row) for name, row in ATTACKS.items() if type(row) is type(method)]
    same = [name for name, row in rows if row == method]
    kin = [name for name, row in rows if row.paper == method.paper]
    return (same or kin or [type(method).__name__])[0]


def runner_up(logits: Tensor) -> Tensor:
    """The class that comes second, int64 [N], of logits [N, C]."""
    return logits.topk(2, dim=1).indices[:, 1]


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
    method: Facts,
    name: str,
    seed: int,
) -> AttackResult:
    pixels, goal = problem.snap(found.pixels), problem.goal.to("cpu")
    after = classifier.predict_logits(pixels, batch=1)
    now = goal.reached(after) & problem.within(pixels).cpu()
    return AttackResult(
        photos=problem.pixels,
        pixels=pixels,
        status=_status(_read_so(goal, before), now, found.moved | (method.needs != "gradients")),
        distance=problem.norm.measure(pixels - problem.pixels).cpu(),
        margin=goal.margin(after),
        goal=goal.classes,
        before_logits=before,
        after_logits=after,
        forwards=found.forwards,
        backwards=found.backwards,
        norm=problem.norm.name,
        radius=None if problem.radius is None or not len(pixels) else float(problem.radius[0]),
        confidence=goal.confidence,
        attack=name,
        settings=settings_of(method),
        seed=seed,
    )


def _read_so(goal: Goal, logits: Tensor) -> Tensor:
    """Whether the goal is met at any confidence, bool [N]: then there is nothing to fool."""
    return replace(goal.to("cpu"), confidence=None).reached(logits)


def _status(was: Tensor, now: Tensor, moved: Tensor) -> tuple[Status, ...]:
    def of(was: bool, now: bool, moved: bool) -> Status:
        if was:
            return Status.ALREADY_WRONG
        if now:
            return Status.REACHED
        return Status.NOT_REACHED if moved else Status.NO_GRADIENT

    return tuple(of(*map(bool, row)) for row in zip(was, now, moved, strict=True))
