"""EventLog: what a search has said so far, for anyone who listens, now or again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

LAST = ("done", "failed")  # after these nothing comes
PULSE = 5.0  # seconds after which a line is sent where nothing else is


@dataclass
class EventLog:
    """Events in the order they came; to be used in the event loop's thread."""

    events: list[bytes] = field(default_factory=list)  # as they are sent
    over: bool = False
    listeners: int = 0
    left: Callable[[], None] = lambda: None  # called when the last listener has gone
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, name: str, data: object) -> None:
        """Say something."""
        text = msgspec.json.encode(data).decode()
        self.events.append(f"id: {len(self.events)}\nevent: {name}\ndata: {text}\n\n".encode())
        self.over = self.over or name in LAST
        self._more.set()
        self._more = asyncio.Event()

    async def listen(self, after: int = -1) -> AsyncIterator[bytes]:
        """Everything from event `after` + 1 on, as a stream of server-sent events."""
        self.listeners += 1
        try:
            yield b"retry: 1000\n\n"
            at = after + 1
            while True:
                more, news = self._more, self.events[at:]
                for event in news:  # while one is sent, others may come
                    yield event
                at += len(news)
                if self.over and more is self._more:
                    return
                if more is self._more:
                    try:
                        await asyncio.wait_for(more.wait(), PULSE)
                    except TimeoutError:
                        yield b": still there\n\n"
        finally:
            self.listeners -= 1
            if not self.listeners:
                self.left()
