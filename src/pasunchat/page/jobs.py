"""Jobs: long work for visitors. One runs at a time, the others wait in a queue that they see."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pasunchat.errors import PasunchatError
from pasunchat.page.events import EventLog
from pasunchat.page.photos import SHARED
from pasunchat.page.refusals import Refused

USUAL_SECONDS = 5.0  # of a job, before one has been seen

Ended = Literal["stopped", "late", "left"]


@dataclass(eq=False)
class Job:
    """One job: whose it is, what it has said, and when it is to end."""

    id: str
    owner: str
    seconds: float  # it may take
    log: EventLog = field(default_factory=EventLog, kw_only=True)
    ended: Ended | None = field(default=None, kw_only=True)  # before it ended by itself
    begun: float | None = field(default=None, kw_only=True)  # time.monotonic

    def is_over(self) -> bool:
        """Whether it is to end now; asked in its thread."""
        if self.ended is None and self.begun is not None:
            late = time.monotonic() > self.begun + self.seconds
            self.ended = "late" if late else None
        return self.ended is not None


J = TypeVar("J", bound=Job)


class Jobs(Generic[J]):
    """Those that wait, the one that runs, and the last that are done. run: does one."""

    def __init__(
        self,
        run: Callable[[J], Coroutine[Any, Any, None]],
        *,
        waiting: int,
        kept: int,
        leave_seconds: float,
    ) -> None:
        self.run, self.most_waiting, self.most_kept = run, waiting, kept
        self.leave_seconds = leave_seconds
        self.kept: OrderedDict[str, J] = OrderedDict()
        self.waiting: deque[J] = deque()
        self.running: J | None = None
        self.seconds = USUAL_SECONDS  # that the last ones took

    def put(self, job: J) -> J:
        """Put one into the queue. Raises Refused where it is full."""
        if len(self.waiting) >= self.most_waiting:
            after = max(1, round(self.about(len(self.waiting))))
            raise Refused(429, "q_full", {"s": after}, after_s=after)
        job.log.left = lambda: self._watch(job)
        self.kept[job.id] = job
        self.waiting.append(job)
        self._forget_oldest()
        self._watch(job)
        self._say_places()
        self._next()
        return job

    def get(self, name: str, owner: str) -> J:
        """One by its id. Raises Refused where it is gone, or another visitor's."""
        job = self.kept.get(name)
        if job is None or job.owner not in (owner, SHARED):
            raise Refused(410, "g_expired")
        return job

    def about(self, place: int) -> float:
        """Seconds until one begins that has `place` others before it."""
        return place * self.seconds

    def place(self, job: J) -> int:
        """How many come before it."""
        before = list(self.waiting).index(job) if job in self.waiting else 0
        return before + (self.running not in (None, job))

    def stop(self, job: J, why: Ended = "stopped") -> None:
        """End it: one that runs with its best so far, one that waits without."""
        if job.ended is None:
            job.ended = why
        if job in self.waiting:
            self.waiting.remove(job)
            job.log.add("failed", {"key": "g_stopped", "values": {}})
            self._say_places()

    def close(self) -> None:
        """End all, as soon as they can."""
        for job in self.kept.values():
            self.stop(job, "left")

    def forget(self, owner: str) -> None:
        """End and let go all of a visitor's."""
        for job in [each for each in self.kept.values() if each.owner == owner]:
            self.stop(job, "left")
            del self.kept[job.id]

    def _watch(self, job: J) -> None:
        """Where nobody listens for some seconds, nobody wants it any more."""

        def look() -> None:
            if not job.log.listeners and not job.log.over:
                self.stop(job, "left")

        asyncio.get_running_loop().call_later(self.leave_seconds, look)

    def _next(self) -> None:
        if self.running is None and self.waiting:
            self.running = self.waiting.popleft()
            self._task = asyncio.create_task(self._run(self.running))

    async def _run(self, job: J) -> None:
        began = time.monotonic()
        try:
            await self.run(job)
        finally:
            self.seconds += (time.monotonic() - began - self.seconds) / 3
            self.running = None
            self._say_places()
            self._next()

    def _say_places(self) -> None:
        for job in self.waiting:
            place = self.place(job)
            job.log.add("place", {"place": place, "about_s": round(self.about(place), 1)})

    def _forget_oldest(self) -> None:
        for job in list(self.kept.values()):
            if len(self.kept) <= self.most_kept:
                return
            if job.log.over and job.owner != SHARED:
                del self.kept[job.id]


def failure(error: Exception) -> dict[str, Any]:
    """What went wrong, as a job's last event says it."""
    if isinstance(error, Refused):
        return {"key": error.key, "values": error.values}
    why = str(error) if isinstance(error, PasunchatError) else f"{type(error).__name__}: {error}"
    return {"key": "g_failed", "values": {"why": why}}
