"""What is asked about a photo."""

from urllib.parse import unquote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.page.bodies import read_body
from pasunchat.page.classroom import TEACHER
from pasunchat.page.models import Model
from pasunchat.page.photos import NAME, KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.state import Page, page_of

FILE_NAME = "X-Pasunchat-Name"
KEEP = {"Cache-Control": "private, max-age=3600"}  # an id never means another picture


async def photo(request: Request) -> Response:
    """A file's bytes -> what it is, and what a model says of it."""
    page = page_of(request)
    name, limits = _name(request), page.settings.limits
    data = await read_body(request, limits.body_bytes, limits.body_seconds, name)
    return await _kept(request, data, name)


async def _kept(request: Request, data: bytes, name: str) -> Response:
    from pasunchat.page.opening import opened, shown

    page, owner = page_of(request), owner_of(request)
    kept = await page.workers.decoding.run(opened, data, name, owner, page.settings.limits)
    facts = await _asked(page, kept, model_of(request))
    if page.classroom is not None and owner != TEACHER:
        page.forget(owner)  # one photo a visitor
    page.photos.add(kept)
    found = {**facts, "receipt": await _receipt(page, kept)}
    return JSONResponse(
        found, background=BackgroundTask(page.workers.decoding.run_last, shown, kept)
    )


async def _receipt(page: Page, kept: KeptPhoto) -> dict[str, object] | None:
    """What becomes of the receipt in a file."""
    from pasunchat.page.asking import receipt_facts, receipt_in_file, unchecked

    receipt = await page.workers.decoding.run(receipt_in_file, kept)
    if receipt is None:
        return None
    model = None if isinstance(receipt, str) else page.models.with_digest(receipt.classifier)
    if model is None or isinstance(receipt, str):
        return unchecked(receipt)
    classifier = await page.classifier_of(model)
    return await page.workers.quick.run(receipt_facts, kept, receipt, model, classifier)


async def ask(request: Request) -> Response:
    """What another model says of the same photo."""
    facts = await _asked(page_of(request), photo_of(request), model_of(request))
    return JSONResponse({**facts, "receipt": None})


async def sample(request: Request) -> Response:
    """What a model says of one of the samples."""
    page, name = page_of(request), f"sample-{request.path_params['name']}"
    kept = page.photos.shared.get(name)
    if kept is None:
        raise Refused(404, "g_missing")
    facts = await _asked(page, kept, model_of(request))
    return JSONResponse({**facts, "receipt": None})


async def file_picture(request: Request) -> Response:
    """The file as a picture to look at."""
    from pasunchat.page.opening import shown

    data = await page_of(request).workers.decoding.run(shown, photo_of(request))
    return Response(data, media_type="image/webp", headers=KEEP)


async def seen_picture(request: Request) -> Response:
    """What the model sees, without loss."""
    from pasunchat.page.asking import square
    from pasunchat.photos.image import png_bytes

    page, kept, model = page_of(request), photo_of(request), model_of(request)
    classifier = await page.classifier_of(model)
    image = await page.workers.decoding.run(square, kept, model.facts.run, classifier)
    data = await page.workers.decoding.run(png_bytes, image, {})
    return Response(data, media_type="image/png", headers=KEEP)


async def _asked(page: Page, kept: KeptPhoto, model: Model) -> dict[str, object]:
    from pasunchat.page.asking import photo_facts, square

    classifier = await page.classifier_of(model)
    await page.workers.decoding.run(square, kept, model.facts.run, classifier)
    return await page.workers.quick.run_first(photo_facts, kept, model.facts, classifier)


def owner_of(request: Request) -> str:
    """Whose photos a request sees."""
    return str(request.state.visitor) if hasattr(request.state, "visitor") else ""


def photo_of(request: Request) -> KeptPhoto:
    """The photo that a request names. Raises Refused where it is gone."""
    return page_of(request).photos.get(request.path_params["photo"], owner_of(request))


def model_of(request: Request) -> Model:
    """The model that a request names. Raises Refused."""
    return page_of(request).models.of(request.query_params.get("run"))


def _name(request: Request) -> str:
    """The file's name as the page tells it; only ever shown."""
    name = unquote(request.headers.get(FILE_NAME, "")) or "photo"
    plain = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in plain if letter.isprintable())[-NAME:] or "photo"
