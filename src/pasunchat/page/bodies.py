"""What a visitor sends, read with its limits while it comes."""

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from pasunchat.page.refusals import Refused

T = TypeVar("T")
MEGA = 1_000_000


async def read_body(request: Request, most: int, seconds: float, name: str = "") -> bytes:
    """The whole body. Raises Refused where it is longer than `most` bytes, as soon as that shows,
    and where it has not ended after some seconds."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most:
        raise _too_long(int(stated), name)
    parts = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                parts += part
                if len(parts) > most:
                    raise _too_long(len(parts), name)
    except TimeoutError as error:
        raise Refused(408, "e_slow") from error
    except ClientDisconnect as error:
        raise Refused(400, "e_cut", {"name": name}) from error
    return bytes(parts)


def as_kind(body: bytes, kind: type[T]) -> T:
    """JSON as a dataclass. Raises Refused for what is none."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(422, "e_request", {"why": str(error)}) from error


def _too_long(length: int, name: str) -> Refused:
    return Refused(413, "e_bytes", {"name": name, "size": f"{length / MEGA:.0f} MB"})
