"""build_app: the page as an ASGI application. ROUTES is the table of what may be asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pasunchat.errors import PasunchatError
from pasunchat.page.attack_requests import (
    attack,
    change,
    changed,
    events,
    facts,
    film,
    later,
    random,
    report,
    stop,
)
from pasunchat.page.classroom import CODE, Door
from pasunchat.page.example import shipped_files
from pasunchat.page.first_page import first_page
from pasunchat.page.layer_requests import layer_picture, layers, unit, votes
from pasunchat.page.model_requests import models
from pasunchat.page.photo_requests import ask, file_picture, photo, sample, seen_picture
from pasunchat.page.proof_requests import proof, proof_events, stop_proof
from pasunchat.page.refusals import Refused
from pasunchat.page.security import Guard, own_hosts
from pasunchat.page.settings import Settings
from pasunchat.page.state import Page, page_of
from pasunchat.story.wording import TOKENS

HERE = Path(__file__).parent
PACKED = 1000  # bytes; text from there on is sent packed


async def health(request: Request) -> Response:
    """That the program is there, and since when: another start means another token."""
    from importlib.metadata import version

    return JSONResponse({"version": version("pasunchat"), "started": page_of(request).started})


async def example_file(request: Request) -> Response:
    """A picture of the finished example."""
    path = shipped_files().get(request.path_params["name"])
    if path is None:
        raise Refused(404, "g_missing")
    return FileResponse(path)


async def tokens(_: Request) -> Response:
    """Colours, type and charts, which the report has too."""
    return FileResponse(TOKENS, media_type="text/css")


ROUTES: tuple[BaseRoute, ...] = (
    Route("/", first_page),
    Route("/health", health),
    Route("/models", models),
    Route("/example/{name}", example_file),
    Route("/photo", photo, methods=["POST"]),
    Route("/sample/{name}", sample, methods=["POST"]),
    Route("/photo/{photo}/ask", ask, methods=["POST"]),
    Route("/photo/{photo}/file.webp", file_picture),
    Route("/photo/{photo}/seen.png", seen_picture),
    Route("/photo/{photo}/layers", layers),
    Route("/photo/{photo}/layers/{name}.png", layer_picture),
    Route("/photo/{photo}/unit", unit),
    Route("/photo/{photo}/votes", votes),
    Route("/photo/{photo}/proof", proof, methods=["POST"]),
    Route("/proof/{proof}/events", proof_events),
    Route("/proof/{proof}/stop", stop_proof, methods=["POST"]),
    Route("/attack", attack, methods=["POST"]),
    Route("/attack/{search}/events", events),
    Route("/attack/{search}/stop", stop, methods=["POST"]),
    Route("/attack/{search}/changed.png", changed),
    Route("/attack/{search}/change.png", change),
    Route("/attack/{search}/random.png", random),
    Route("/attack/{search}/random32.png", random),
    Route("/attack/{search}/film.webp", film),
    Route("/attack/{search}/facts.json", facts),
    Route("/attack/{search}/report.html", report),
    *(Route(f"/attack/{{search}}/{name}", later) for name in ("why", "little", "price", "others")),
    Route("/static/tokens.css", tokens),
    Mount("/static", StaticFiles(directory=HERE / "static")),
)


def build_app(settings: Settings) -> Starlette:
    """The page for some settings, at a port that is bound already."""
    page = Page(settings)

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        page.begin()
        yield
        page.end()

    hosts = own_hosts(settings.port, settings.address)
    middleware = [Middleware(Guard, hosts=hosts, token=page.token, forms=(CODE,))]
    if page.classroom is not None:
        door = Middleware(Door, page.classroom, settings.lang, settings.limits)
        middleware.append(door)
    middleware.append(Middleware(GZipMiddleware, minimum_size=PACKED))
    app = Starlette(
        routes=list(ROUTES),
        middleware=middleware,
        exception_handlers={Refused: refused, PasunchatError: failed, HTTPException: not_served},
        lifespan=living,
    )
    app.state.page = page
    return app


async def refused(_: Request, error: Exception) -> Response:
    """A refusal as JSON."""
    assert isinstance(error, Refused)
    return JSONResponse(error.facts(), error.status, error.headers())


async def failed(_: Request, error: Exception) -> Response:
    """What a model cannot do, in its own words."""
    return JSONResponse({"key": "g_failed", "values": {"why": str(error)}}, 500)


async def not_served(_: Request, error: Exception) -> Response:
    """An address that leads nowhere, likewise."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"key": "g_missing", "values": {}}, error.status_code)
