"""LATER: what is found out about a fooled photo once somebody wants to know it: why so little was
enough, how little would be, what the talk's search makes of it, whether other networks are fooled.

Each is a list of parts that run one by one in the thread of searches, so that a search that waits
has its turn between them.
"""

from collections.abc import Callable, Coroutine, Mapping
from math import isfinite
from time import monotonic
from typing import Any, NamedTuple

import torch

from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.methods.learned_noise import LearnedNoise
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult
from pasunchat.attacks.watch import Watch
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax
from pasunchat.classifiers.full_size import fitting
from pasunchat.errors import PasunchatError
from pasunchat.explain import growth, pushes, shown_layers
from pasunchat.page.asking import square
from pasunchat.page.models import Model
from pasunchat.page.opening import opened
from pasunchat.page.others import answer
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.search_job import Image, Judged, change_facts, request_of
from pasunchat.page.searches import Search
from pasunchat.page.state import Page
from pasunchat.photos.image import png_bytes

LEVELS = (1, 2, 3, 4)  # of 255, that every value may move by
NEVER_SURE_ENOUGH = 0.99999  # asked for, so that the search goes on to its end
WITHIN = "apgd"  # the search inside a radius
PRICES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # of the noise's size; the talk's is 0.1


async def why(page: Page, search: Search) -> dict[str, Any]:
    """The push of each changed value, and how the change grows from layer to layer; the same for
    random noise of the same size. None where no gradient comes back, where nothing changed."""
    run = page.workers.searching.run
    random = search.aftermath.random if search.aftermath else None
    if random is None:
        return {"why": None, "growth": None}
    return {
        "why": await run(_why, search, random),
        "growth": await run(_growth, search, random),
    }


async def little(page: Page, search: Search) -> list[dict[str, Any]]:
    """The goal's probability where every value may move by so many levels, as far as one search
    gets: a lower bound."""
    judged = _of(search)
    before = softmax(judged.result.before_logits)[0]
    rows = [{"levels": 0, "p": float(before[judged.goal]), "label": judged.was}]
    for levels in LEVELS:
        rows.append(await page.workers.searching.run(_within, page, search, levels))
    return rows


async def price(page: Page, search: Search) -> list[dict[str, Any]]:
    """The talk's own search, at several prices of the noise's size; without those that would take
    too long."""
    if not search.model.facts.gradient:
        return []
    run = page.workers.searching.run
    rows = [await run(_at_price, page, search, each) for each in PRICES]
    return [row for row in rows if row is not None]


async def others(page: Page, search: Search) -> dict[str, Any]:
    """A picture made for each model of the page, and what all say of each."""
    models = [model for model in page.models.by_run.values() if model.facts.size is not None]
    made: list[tuple[str | None, KeptPhoto]] = [(None, search.photo)]
    for model in models:
        if model is search.model:
            assert search.picture is not None
            made.append((model.facts.name, search.picture))
            continue
        found = await page.workers.searching.run(_made_for, page, search, model)
        if found is not None:
            made.append((model.facts.name, found))
    goal = search.model.searched().class_name(_of(search).goal)
    rows = []
    for name, photo in made:
        answers = [await page.workers.quick.run(answer, model, photo, goal) for model in models]
        rows.append({"made_for": name, "answers": answers})
    return {"models": [model.facts.name for model in models], "rows": rows}


LATER: Mapping[str, Callable[[Page, Search], Coroutine[Any, Any, Any]]] = {
    "why": why,
    "little": little,
    "price": price,
    "others": others,
}


def _why(search: Search, random: Image) -> dict[str, Any] | None:
    judged, classifier = _of(search), search.model.searched()
    try:
        found, same = (
            pushes(classifier, judged.photo, picture, judged.goal, judged.was)
            for picture in (judged.picture, random)
        )
    except PasunchatError:  # no gradient comes back
        return None
    facts = [
        {
            "total": each.total,
            "toward": each.toward,
            "away": each.away,
            "changed": each.changed,
            "walk": list(each.walk),
        }
        for each in (found, same)
    ]
    return {
        "before": found.before,
        "after": found.after,
        "complete": found.complete,
        "found": facts[0],
        "random": facts[1],
    }


def _growth(search: Search, random: Image) -> list[dict[str, Any]] | None:
    judged, classifier = _of(search), search.model.searched()
    names = shown_layers(classifier)
    if not names:
        return None
    both = (growth(classifier, judged.photo, each, names) for each in (judged.picture, random))
    return [
        {"layer": found.layer, "found": _finite(found.share), "random": _finite(same.share)}
        for found, same in zip(*both, strict=True)
    ]


def _within(page: Page, search: Search, levels: int) -> dict[str, Any]:
    judged = _of(search)
    gradient = search.model.facts.gradient
    request = Request(
        attack=WITHIN if gradient else "square",
        norm="linf",  # type: ignore[arg-type]
        radius=levels / 255,
        confidence=NEVER_SURE_ENOUGH,
        seed=search.request.seed,
    )
    found = _searched(page, search.model.searched(), judged.photo, judged.goal, request)
    chances = softmax(found.result.after_logits)[0]
    return {
        "levels": levels,
        "p": float(chances[judged.goal]),
        "label": int(chances.argmax()),
    }


def _at_price(page: Page, search: Search, each: float) -> dict[str, Any] | None:
    judged = _of(search)
    request = Request(attack=LearnedNoise(const=each), seed=search.request.seed)
    found = _searched(page, search.model.searched(), judged.photo, judged.goal, request)
    if found.late:
        return None
    change = change_facts(judged.photo, as_images(found.result.pixels)[0])
    return {
        "price": each,
        "p": float(softmax(found.result.after_logits)[0, judged.goal]),
        "typical": change["typical"],
        "max": change["max"],
    }


def _made_for(page: Page, search: Search, model: Model) -> KeptPhoto | None:
    """The same search for another model; None where it knows no such class, or answers it."""
    classifier, goal = model.searched(), search.model.searched().class_name(_of(search).goal)
    photo = square(search.photo, model.facts.run, classifier)
    chances = softmax(classifier.logits(photo[None]))[0]
    names = [classifier.class_name(index) for index in range(len(chances))]
    if goal not in names or names[int(chances.argmax())] == goal:
        return None
    request = request_of(search.request, gradient=model.facts.gradient)
    result = _searched(page, classifier, photo, names.index(goal), request).result
    png = png_bytes(as_images(result.pixels)[0], {})
    return opened(png, "changed.png", search.owner, page.settings.limits)


class _Found(NamedTuple):
    """What one search came to, and whether its time was over before."""

    result: AttackResult
    late: bool


def _searched(
    page: Page, classifier: Classifier, photo: Image, goal: int, request: Request
) -> _Found:
    ends, worker = monotonic() + page.settings.limits.later_seconds, page.workers.searching
    result = fool(
        fitting(classifier, *photo.shape[:2]),
        as_pixels(photo[None]),
        request,
        goal=Goal(torch.tensor([goal])),
        watch=Watch(stopped=lambda: worker.closed or monotonic() > ends),
    )
    return _Found(result, monotonic() > ends)


def _of(search: Search) -> Judged:
    assert search.judged is not None
    return search.judged


def _finite(share: float) -> float | None:
    return share if isfinite(share) else None
