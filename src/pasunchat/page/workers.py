"""Workers: threads that compute while the page goes on answering.

There are three kinds of work, and none waits behind another: photos are decoded, quick questions
are asked of a network, and long searches run. A thread takes one job at a time, so a network is
never asked by two.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Threads that end with the process, whatever they are at: nothing they do is on disk."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function when its turn comes."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self.jobs.put(job)
        return future

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, awaited. Where whoever waits has gone before its turn, it is not run."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def _work(self) -> None:
        while True:
            self.jobs.get()()


class Workers:
    """The page's threads."""

    def __init__(self) -> None:
        self.loading = Worker("load")
        self.decoding = Worker("decode", threads=2)
        self.quick = Worker("quick")
        self.searching = Worker("search")
