"""What is asked about models."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.page.state import page_of


async def models(request: Request) -> Response:
    """Facts of all models, once all of them are loaded."""
    page = page_of(request)
    for model in page.models.by_run.values():
        await asyncio.wrap_future(model.looked_into)
    return JSONResponse(msgspec.to_builtins(page.models.facts()))
