"""Whoever listens hears everything once, in its order, however slowly he listens."""

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from pasunchat.page.events import EventLog

T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, run in a thread of its own: a browser's tests leave a loop running in
    theirs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _heard(log: EventLog, after: int = -1, *, pause: float = 0) -> list[tuple[int, str]]:
    found = []
    async for part in log.listen(after):
        found += [
            (int(n), name) for n, name in re.findall(r"id: (\d+)\nevent: (\w+)", part.decode())
        ]
        await asyncio.sleep(pause)
    return found


def test_a_slow_listener_misses_nothing() -> None:
    async def tell() -> list[tuple[int, str]]:
        log = EventLog()
        listening = asyncio.create_task(_heard(log, pause=0.01))
        for number in range(20):
            log.add("tries", number)
            await asyncio.sleep(0.003)
        log.add("done", {})
        return await listening

    assert _run(tell()) == [(n, "tries") for n in range(20)] + [(20, "done")]


@pytest.mark.parametrize("after", [-1, 0, 1, 2, 7])
def test_one_who_comes_again_goes_on(after: int) -> None:
    async def tell() -> list[tuple[int, str]]:
        log = EventLog()
        for name in ("place", "begun", "done"):
            log.add(name, {})
        return await _heard(log, after)

    names = ("place", "begun", "done")
    assert _run(tell()) == list(enumerate(names))[after + 1 :]


def test_where_nothing_is_said_a_line_comes_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pasunchat.page.events.PULSE", 0.01)

    async def tell() -> list[bytes]:
        log, parts = EventLog(), []
        async for part in log.listen():
            parts.append(part)
            if len(parts) == 3:
                log.add("done", {})
        return parts

    parts = _run(tell())
    assert parts[1] == parts[2] == b": still there\n\n"
    assert b"event: done" in parts[-1]


def test_it_says_when_the_last_listener_has_gone() -> None:
    async def tell() -> list[str]:
        log, gone = EventLog(), []
        log.left = lambda: gone.append("gone")
        both = [asyncio.create_task(_heard(log)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert log.listeners == 2
        both[0].cancel()
        await asyncio.sleep(0.01)
        assert (log.listeners, gone) == (1, [])
        both[1].cancel()
        await asyncio.sleep(0.01)
        return gone

    assert _run(tell()) == ["gone"]
