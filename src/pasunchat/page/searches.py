"""Searches: one runs at a time, the others wait in a queue that they can see."""

import asyncio
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pasunchat.page.events import EventLog
from pasunchat.page.models import Model
from pasunchat.page.photos import SHARED, KeptPhoto
from pasunchat.page.refusals import Refused

if TYPE_CHECKING:
    from pasunchat.page.aftermath import Aftermath
    from pasunchat.page.search_job import Judged

USUAL_SECONDS = 5.0  # of a search, before one has been seen


@dataclass(frozen=True)
class AttackRequest:
    """What a visitor asks for; the names are those of `pasunchat fool`."""

    photo: str
    run: str
    target: int | None = None  # a class; None: the one that comes second
    confidence: float = 0.95  # 0: any
    norm: str = "l2"
    attack: str | None = None
    effort: Literal["quick", "normal", "thorough"] = "normal"
    seed: int = 0
    survive: bool = False  # also what the ladder of `survival` does to it


Ended = Literal["stopped", "late", "left"]


@dataclass(eq=False)
class Search:
    """One search, from its request to all that was found out afterwards."""

    id: str
    owner: str
    request: AttackRequest
    photo: KeptPhoto
    model: Model
    seconds: float  # it may take
    log: EventLog = field(default_factory=EventLog)
    facts: dict[str, Any] = field(default_factory=dict)  # what its events said
    ended: Ended | None = None  # before it ended by itself
    begun: float | None = None  # time.monotonic
    judged: "Judged | None" = None
    picture: KeptPhoto | None = None  # the changed one
    aftermath: "Aftermath | None" = None
    later: dict[str, "asyncio.Task[Any]"] = field(default_factory=dict)  # asked for afterwards

    def is_over(self) -> bool:
        """Whether the search is to end now; asked in its thread."""
        if self.ended is None and self.begun is not None:
            late = time.monotonic() > self.begun + self.seconds
            self.ended = "late" if late else None
        return self.ended is not None


class Searches:
    """Those that wait, the one that runs, and the last that are done. run: does one."""

    def __init__(
        self,
        run: Callable[[Search], Coroutine[Any, Any, None]],
        *,
        waiting: int,
        kept: int,
        leave_seconds: float,
    ) -> None:
        self.run, self.most_waiting, self.most_kept = run, waiting, kept
        self.leave_seconds = leave_seconds
        self.kept: OrderedDict[str, Search] = OrderedDict()
        self.waiting: deque[Search] = deque()
        self.running: Search | None = None
        self.seconds = USUAL_SECONDS  # that the last searches took

    def add(
        self, owner: str, request: AttackRequest, photo: KeptPhoto, model: Model, seconds: float
    ) -> Search:
        """Put one into the queue. Raises Refused where it is full, or has one of this visitor."""
        if len(self.waiting) >= self.most_waiting:
            after = max(1, round(self.about(len(self.waiting))))
            raise Refused(429, "q_full", {"s": after}, after_s=after)
        search = Search(secrets.token_urlsafe(12), owner, request, photo, model, seconds)
        search.log.left = lambda: self._watch(search)
        self.kept[search.id] = search
        self.waiting.append(search)
        self._forget_oldest()
        self._watch(search)
        self._say_places()
        self._next()
        return search

    def get(self, name: str, owner: str) -> Search:
        """One by its id. Raises Refused where it is gone, or another visitor's."""
        search = self.kept.get(name)
        if search is None or search.owner not in (owner, SHARED):
            raise Refused(410, "g_expired")
        return search

    def about(self, place: int) -> float:
        """Seconds until one begins that has `place` others before it."""
        return place * self.seconds

    def place(self, search: Search) -> int:
        """How many come before it."""
        before = list(self.waiting).index(search) if search in self.waiting else 0
        return before + (self.running not in (None, search))

    def stop(self, search: Search, why: Ended = "stopped") -> None:
        """End it: one that runs with its best so far, one that waits without."""
        if search.ended is None:
            search.ended = why
        if search in self.waiting:
            self.waiting.remove(search)
            search.log.add("failed", {"key": "g_stopped", "values": {}})
            self._say_places()

    def forget(self, owner: str) -> None:
        """End and let go all of a visitor's."""
        for search in [each for each in self.kept.values() if each.owner == owner]:
            self.stop(search, "left")
            del self.kept[search.id]

    def _watch(self, search: Search) -> None:
        """Where nobody listens for some seconds, nobody wants it any more."""

        def look() -> None:
            if not search.log.listeners and not search.log.over:
                self.stop(search, "left")

        asyncio.get_running_loop().call_later(self.leave_seconds, look)

    def _next(self) -> None:
        if self.running is None and self.waiting:
            self.running = self.waiting.popleft()
            self._task = asyncio.create_task(self._run(self.running))

    async def _run(self, search: Search) -> None:
        began = time.monotonic()
        try:
            await self.run(search)
        finally:
            self.seconds += (time.monotonic() - began - self.seconds) / 3
            self.running = None
            self._say_places()
            self._next()

    def _say_places(self) -> None:
        for search in self.waiting:
            place = self.place(search)
            search.log.add("place", {"place": place, "about_s": round(self.about(place), 1)})

    def _forget_oldest(self) -> None:
        for search in list(self.kept.values()):
            if len(self.kept) <= self.most_kept:
                return
            if search.log.over and search.owner != SHARED:
                del self.kept[search.id]
