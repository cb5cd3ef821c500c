"""Workers: threads that compute while the page goes on answering.

There are four kinds of work, and none waits behind another: photos are decoded, quick questions
are asked of a network, long searches run, and proofs are looked for. A thread takes one job at a
time, so a network is never asked by two.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from queue import PriorityQueue
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
FIRST, USUAL, LAST, END = range(4)  # turns


class Worker:
    """Threads that take one job at a time. They end with the process, whatever they are at: nothing
    they do is on disk."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self.jobs: PriorityQueue[_Job] = PriorityQueue()
        self.number = count()
        self.closed = False
        self.threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function when its turn comes; never, where the worker is closed before."""
        return self._put(USUAL, partial(function, *args, **kwargs))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, awaited. Where whoever waits has gone before its turn, it is not run."""
        return await asyncio.wrap_future(self._put(USUAL, partial(function, *args, **kwargs)))

    async def run_first(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Before all that waits there as usual: what a visitor sees first."""
        return await asyncio.wrap_future(self._put(FIRST, partial(function, *args, **kwargs)))

    async def run_last(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """After it."""
        return await asyncio.wrap_future(self._put(LAST, partial(function, *args, **kwargs)))

    def _put(self, turn: int, function: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()

        def run() -> None:
            if self.closed:
                future.cancel()
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        if self.closed:
            future.cancel()
        else:
            self.jobs.put(_Job(turn, next(self.number), run))
        return future

    def close(self) -> None:
        """Let its threads end after the jobs they are at."""
        self.closed = True
        for _ in self.threads:
            self.jobs.put(_Job(END, next(self.number), None))

    def _work(self) -> None:
        while run := self.jobs.get().run:
            run()


class _Job(NamedTuple):
    """The smallest turn is the next, and of those the one that came first."""

    turn: int
    number: int
    run: Callable[[], None] | None  # None: the end


class Workers:
    """The page's threads."""

    def __init__(self) -> None:
        self.loading = Worker("load")
        self.decoding = Worker("decode", threads=2)
        self.quick = Worker("quick")
        self.searching = Worker("search")
        self.proving = Worker("prove")

    @property
    def all(self) -> tuple[Worker, ...]:
        """Each kind."""
        return self.loading, self.decoding, self.quick, self.searching, self.proving

    def close(self) -> None:
        """Let all threads end after the jobs they are at."""
        for worker in self.all:
            worker.close()

    def join(self, seconds: float) -> None:
        """Wait until they have, at most so long for each."""
        for worker in self.all:
            for thread in worker.threads:
                thread.join(seconds)
