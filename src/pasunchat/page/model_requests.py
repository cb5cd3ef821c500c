"""What is asked about models."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.page.state import page_of


async def models(request: Request) -> Response:
    """Facts of all models, once all of them are loaded. The page asks for them when its first
    screen stands."""
    return JSONResponse(msgspec.to_builtins(await page_of(request).facts()))
