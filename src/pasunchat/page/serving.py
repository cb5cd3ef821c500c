"""serve: the page on a socket that listens already, until it is interrupted."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from pasunchat.page.app import build_app
from pasunchat.page.settings import Limits, Settings
from pasunchat.page.state import Page

HEADER_BYTES = 32_768


def serve(
    listener: socket.socket, settings: Settings, ready: Callable[[Page], object] = lambda _: None
) -> None:
    """Serve the page until the process is interrupted. ready: called once it answers."""
    asyncio.run(_serving(listener, settings, ready))


def end_now() -> None:
    """End the process, whatever its threads are at: they have nothing to finish."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serving(
    listener: socket.socket, settings: Settings, ready: Callable[[Page], object]
) -> None:
    app = build_app(settings)
    server = uvicorn.Server(config_for(app, settings.limits))
    serving = asyncio.create_task(server.serve([listener]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.005)
    if server.started:
        ready(app.state.page)
    await serving


def config_for(app: Starlette, limits: Limits) -> uvicorn.Config:
    """uvicorn with the limits of a page: one process, HTTP/1.1, no websockets, no log."""
    return uvicorn.Config(
        app,
        http=_punctual(limits.header_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="critical",  # what is refused is said to whoever asked
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=max(1, int(limits.header_seconds)),
        timeout_graceful_shutdown=0,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


def _punctual(seconds: float) -> type[asyncio.Protocol]:
    """HTTP/1.1 whose headers have to be there in time; uvicorn waits for them without end."""

    class Punctual(H11Protocol):
        late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.late = self.loop.call_later(seconds, self.transport.abort)

        def data_received(self, data: bytes) -> None:
            if self.late is None and (self.cycle is None or self.cycle.response_complete):
                self.late = self.loop.call_later(seconds, self.transport.abort)
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._in_time()

        def connection_lost(self, exc: Exception | None) -> None:
            self._in_time()
            super().connection_lost(exc)

        def _in_time(self) -> None:
            if self.late is not None:
                self.late.cancel()
                self.late = None

    return Punctual
