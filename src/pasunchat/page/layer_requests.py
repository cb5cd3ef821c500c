"""What is asked about the inside of a network at a photo: layers, one unit, the last sum."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.errors import PasunchatError
from pasunchat.page.photo_requests import KEEP, model_of, photo_of
from pasunchat.page.refusals import Refused
from pasunchat.page.state import page_of

if TYPE_CHECKING:
    from pasunchat.page.inside import Inside

T = TypeVar("T")


async def layers(request: Request) -> Response:
    """The layers that are shown, without their maps."""
    return JSONResponse(await _asked(request, lambda inside: inside.layers()), headers=KEEP)


async def layer_picture(request: Request) -> Response:
    """The shown maps of one layer side by side."""
    from pasunchat.photos.image import png_bytes

    name, before = request.path_params["name"], "before" in request.query_params
    image = await _asked(request, lambda inside: inside.atlas(name, pooled=not before))
    data = await page_of(request).workers.decoding.run(png_bytes, image, {})
    return Response(data, media_type="image/png", headers=KEEP)


async def unit(request: Request) -> Response:
    """One unit's sum."""
    layer = request.query_params.get("layer", "")
    index, y, x = (_whole(request, name) for name in ("map", "y", "x"))
    found = await _asked(request, lambda inside: inside.unit(layer, index, y, x))
    return JSONResponse(found, headers=KEEP)


async def votes(request: Request) -> Response:
    """The last sum, place by place."""
    target, other = _whole(request, "target"), _whole(request, "other")
    return JSONResponse(await _asked(request, lambda inside: inside.votes(target, other)))


async def _asked(request: Request, question: Callable[["Inside"], T]) -> T:
    """A question about a photo, asked in the thread of quick questions."""
    from pasunchat.page.inside import inside_of

    page, photo, model = page_of(request), photo_of(request), model_of(request)
    classifier = await page.classifier_of(model)

    def ask() -> T:
        try:
            return question(inside_of(page.insides, photo, model.facts, classifier))
        except PasunchatError as error:
            raise Refused(404, "g_missing", {"why": str(error)}) from error

    return await page.workers.quick.run(ask)


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Refused(422, "e_request", {"why": f"{name}: expected a whole number"})
    return int(text)
