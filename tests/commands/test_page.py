"""pasunchat page from outside: it begins at once, refuses in one line, and ends at once."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from pasunchat.__main__ import run

HEAVY = ("torch", "numpy", "PIL.Image", "matplotlib", "scipy", "sklearn", "rich", "numba")


def test_the_first_screen_needs_nothing_heavy() -> None:
    """A process of its own imports what the first screen needs, and makes it."""
    program = (
        "import sys\n"
        "from pasunchat.page.app import build_app\n"
        "from pasunchat.page.first_page import boot_facts\n"
        "from pasunchat.page.first_screen import first_screen\n"
        "from pasunchat.page.example import shipped_example\n"
        "from pasunchat.page.serving import serve\n"
        "from pasunchat.page.settings import Settings\n"
        "page = build_app(Settings()).state.page\n"
        "first_screen(boot_facts(page, 'en', 'm0', shipped_example('m0')), token=page.token)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_a_bad_model_is_refused_before_there_is_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pasunchat.page.serving.serve", lambda *_: pytest.fail("it was served"))
    assert run(["page", "nothing-of-that-name"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: no model "nothing-of-that-name"; there are')


def test_a_port_that_is_taken_is_said_with_one_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["page", "--port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        rf"error: port {port} cannot be used \(.+\); take a free one: pasunchat page --port \d+",
        line,
    )


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert run(["page", "--port", port]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_at_once_and_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    with _begun(tmp_path) as (process, address):
        assert b"pasunchat" in urllib.request.urlopen(address, timeout=30).read()
        before = time.monotonic()
        process.send_signal(how)
        status = process.wait(30)
        assert time.monotonic() - before < 5
    assert status == (0 if how is signal.SIGINT else -how)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def _begun(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, "-m", "pasunchat", "page", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in line
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
