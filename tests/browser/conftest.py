"""A real browser before a real server: Chromium, by Playwright. What leaves this machine fails."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120  # seconds; a loaded machine
LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "about:")


@dataclass
class Served:
    """`pasunchat page`, as a process."""

    address: str
    process: "subprocess.Popen[bytes]"
    begin: Callable[[], "subprocess.Popen[bytes]"]

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again at the same address."""
        self.process = self.begin()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    home: Path, *words: str, program: tuple[str, ...] = ("-m", "pasunchat", "page")
) -> Iterator[Served]:
    """A page at a free port. words: models and options of the command. program: what begins it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = (sys.executable, *program, *words, "--port", str(port))
    told = {**os.environ, "PASUNCHAT_HOME": str(home), "OMP_NUM_THREADS": "1"}
    log = (home / "page.log").open("ab")

    def begin() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, env=told, cwd=home, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                return process
            except OSError:
                time.sleep(0.05)
        process.kill()
        raise AssertionError((home / "page.log").read_text())

    served = Served(address, begin(), begin)
    try:
        yield served
    finally:
        served.kill()
        log.close()


@pytest.fixture(scope="session")
def make_served() -> Callable[..., Any]:
    """`serving`, for tests that want other models or a server of their own."""
    return serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of `simple` alone: the quickest."""
    with serving(tmp_path_factory.mktemp("served"), "simple") as found:
        yield found


@dataclass
class Tab:
    """A page in the browser, with what it asked for and what went wrong in it."""

    page: Any
    served: Served
    requests: list[str]
    errors: list[str]

    def go(self, path: str = "/") -> None:
        """Open an address of the server, and wait until the page has begun."""
        self.page.goto(self.served.address + path)
        self.page.locator("html[data-ready]").wait_for(state="attached")

    def complete(self) -> None:
        """Wait until the networks are there."""
        self.page.locator("html[data-complete]").wait_for(state="attached")

    def until(self, script: str, argument: object = None, *, seconds: float = PATIENCE) -> Any:
        """Wait until a script gives something true, and give that. (Playwright's own waiting wants
        eval, which the page's policy forbids.)"""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.page.evaluate(script, argument):
                return found
            self.page.wait_for_timeout(20)
        raise AssertionError(f"not within {seconds} s: {script}")

    def text(self, query: str) -> str:
        """What stands in an element, spaces made plain."""
        found: str = self.page.locator(query).inner_text()
        return " ".join(found.split())

    def open_file(self, path: Path) -> None:
        """Choose a file, and wait for the answer."""
        self.page.set_input_files("[data-file]", path)
        self.answered()

    def answered(self) -> None:
        """Wait until the drop zone has an answer."""
        self.until("['done', 'wrong'].includes(document.querySelector('.drop').dataset.state)")

    def fool(self) -> None:
        """Press the button, and wait for the verdict."""
        self.page.click('[data-do="fool"]')
        self.fooled()

    def fooled(self) -> None:
        """Wait until neither search nor fall is going on."""
        self.until("document.querySelector('[data-do=fool]').dataset.state === 'ready'")

    def see(self, station: str) -> None:
        """Scroll to a station, and wait until nothing in it is at work."""
        self.page.evaluate("id => document.getElementById(id).scrollIntoView()", station)
        self.page.wait_for_timeout(60)
        busy = "id => !document.querySelector(`#${id} .note.busy`)"
        self.until(busy, station)


@contextmanager
def tab_of(browser: Any, served: Served, **options: Any) -> Iterator[Tab]:
    """A page in a context of its own; at the end it must have asked this machine only, and nothing
    gone wrong. options: of the context."""
    usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
    context = browser.new_context(**{**usual, **options})
    context.set_default_timeout(PATIENCE * 1000)
    tab = Tab(context.new_page(), served, [], [])
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
    yield tab
    context.close()
    assert not [url for url in tab.requests if not url.startswith(LOOPBACK)]
    assert not tab.errors


@pytest.fixture(scope="session")
def make_tab(browser: Any) -> Callable[..., Any]:
    """`tab_of`, for what several tests look at."""
    return partial(tab_of, browser)


@pytest.fixture
def open_tab(browser: Any, served: Served) -> Iterator[Callable[..., Tab]]:
    """Opens pages, as many as wanted. at: a server of the test's own."""
    with ExitStack() as held:

        def open_one(at: Served | None = None, **options: Any) -> Tab:
            return held.enter_context(tab_of(browser, at or served, **options))

        yield open_one


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    """The page of `simple`, 1280 wide, that keeps still."""
    found = open_tab()
    found.go()
    return found


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to drop: a drawn cat, and what is none."""
    import numpy as np
    from PIL import Image

    from pasunchat.photos.drawing import draw

    folder = tmp_path_factory.mktemp("pictures")
    cat = draw("cat", 0, 3, 320).resize((480, 320))
    cat.save(folder / "cat.jpg", quality=90)
    cat.save(folder / "cat.png")
    cat.save(folder / "moves.gif", save_all=True, append_images=[cat.rotate(90)])
    (folder / "cut.jpg").write_bytes((folder / "cat.jpg").read_bytes()[:3000])
    (folder / "notes.txt").write_text("This is not a picture.")
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    Image.fromarray(np.zeros((7200, 7200), np.uint8)).save(folder / "poster.png")
    return folder
