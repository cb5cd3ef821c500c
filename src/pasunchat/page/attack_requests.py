"""What is asked about a search."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.page.bodies import as_kind, read_body
from pasunchat.page.live import live
from pasunchat.page.models import Model
from pasunchat.page.photo_requests import KEEP, owner_of
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.searches import AttackRequest, Search, new_search
from pasunchat.page.state import lang_of, page_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.page.search_job import Judged

FILES = (
    "film",
    "report.en",
    "report.fr",
)  # that are made once they are asked for, beside the facts


async def attack(request: Request) -> Response:
    """Put a search into the queue."""
    page, limits = page_of(request), page_of(request).settings.limits
    body = await read_body(request, limits.question_bytes, limits.body_seconds)
    wanted = as_kind(body, AttackRequest)
    model = page.models.of(wanted.run)
    photo = page.photos.get(wanted.photo, owner_of(request))
    classifier = await page.classifier_of(model)
    await page.workers.quick.run_first(_refuse_vain, photo, model, classifier, wanted)
    seconds = page.search_seconds()
    search = page.searches.put(new_search(owner_of(request), wanted, photo, model, seconds))
    place = page.searches.place(search)
    about = round(page.searches.about(place), 1)
    return JSONResponse({"attack": search.id, "place": place, "about_s": about}, 202)


async def events(request: Request) -> Response:
    """What it says, from the beginning or from after the last event that was heard."""
    return live(request, search_of(request).log)


async def stop(request: Request) -> Response:
    """End it; its best so far counts."""
    page_of(request).searches.stop(search_of(request))
    return Response(status_code=204)


def search_of(request: Request) -> Search:
    """The search that a request names. Raises Refused where it is gone."""
    return page_of(request).searches.get(request.path_params["search"], owner_of(request))


async def changed(request: Request) -> Response:
    """The judged file, with its receipt."""
    search = search_of(request)
    judged = _judged(search)
    assert search.picture is not None
    return Response(judged.png, media_type="image/png", headers=_named(search.picture.name))


async def change(request: Request) -> Response:
    """The change as 128 + levels; where it is larger than that, cut off."""
    from pasunchat.pictures.row import drawn_noise

    judged = _judged(search_of(request))
    return await _png(request, drawn_noise(judged.photo, judged.picture, 1))


async def random(request: Request) -> Response:
    """The photo with random noise: of the same size, or 32 times that."""
    kept, strong = search_of(request).aftermath, request.url.path.endswith("32.png")
    image = None if kept is None else kept.random32 if strong else kept.random
    if image is None:
        raise Refused(404, "g_missing")
    return await _png(request, image)


async def film(request: Request) -> Response:
    """The fall as an animation."""
    search = search_of(request)
    judged, kept = _judged(search), search.aftermath
    if kept is None or not kept.readings:
        raise Refused(404, "g_missing")
    goal = search.model.asked.result().class_name(judged.goal)
    made = await _once(
        search, "film", lambda: page_of(request).workers.decoding.run(kept.film, goal)
    )
    return Response(made, media_type="image/webp", headers=_named("film.webp"))


async def report(request: Request) -> Response:
    """All of it as a page to keep. It is saved, not shown: it brings its own style."""
    from pasunchat.page.report_file import report_of

    search = search_of(request)
    judged = _judged(search)
    if not (judged.photo != judged.picture).any():
        raise Refused(404, "g_missing")
    run = page_of(request).workers.searching.run
    lang = lang_of(request)
    made = await _once(search, f"report.{lang}", lambda: run(report_of, search, lang))
    return Response(made, media_type="text/html", headers=_named("report.html", "attachment"))


async def facts(request: Request) -> Response:
    """All that is known of it, as one file."""
    search = search_of(request)
    _judged(search)
    whole = {**search.facts, **{name: task.result() for name, task in _done(search)}}
    text = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    return Response(text, media_type="application/json", headers=_named("facts.json"))


async def later(request: Request) -> Response:
    """What takes longer, and is found out once somebody wants to know it."""
    from pasunchat.page.later import LATER

    page, search = page_of(request), search_of(request)
    name = request.url.path.rpartition("/")[2]
    _judged(search)
    return JSONResponse(await _once(search, name, lambda: LATER[name](page, search)))


async def _once(search: Search, name: str, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What is computed once for a search, whoever asks, however often."""
    task = search.later.get(name)
    if task is None or (task.done() and task.exception() is not None):
        task = search.later[name] = asyncio.create_task(begin())
    return await asyncio.shield(task)


def _done(search: Search) -> Iterator[tuple[str, asyncio.Task[Any]]]:
    for name, task in search.later.items():
        if name not in FILES and task.done() and task.exception() is None:
            yield name, task


def _judged(search: Search) -> "Judged":
    if search.judged is None:
        raise Refused(404, "g_missing")
    return search.judged


async def _png(request: Request, image: "NDArray[np.uint8]") -> Response:
    from pasunchat.photos.image import png_bytes

    data = await page_of(request).workers.decoding.run(png_bytes, image, {})
    return Response(data, media_type="image/png", headers=KEEP)


def _named(name: str, place: str = "inline") -> dict[str, str]:
    """Headers of a file that may be saved. place: inline, or attachment: it is not shown."""
    return {**KEEP, "Content-Disposition": f"{place}; filename*=UTF-8''{quote(name)}"}


def _refuse_vain(
    photo: KeptPhoto, model: Model, classifier: "Classifier", wanted: AttackRequest
) -> None:
    """Raise Refused for a class that there is not, and for one that is read already."""
    from pasunchat.page.asking import photo_facts
    from pasunchat.page.search_job import request_of

    request_of(wanted, gradient=model.facts.gradient)
    chances = photo_facts(photo, model.facts, classifier)["probabilities"]
    if wanted.target is None:
        return
    if not 0 <= wanted.target < len(chances):
        raise Refused(422, "e_request", {"why": f"target: {wanted.target}"})
    if chances[wanted.target] == max(chances):
        goal = classifier.class_name(wanted.target)
        raise Refused(409, "v_already", {"goal": goal, "b": goal})
