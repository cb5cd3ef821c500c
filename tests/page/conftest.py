"""A page for a tiny run of two classes, asked in this process, and the same on a port."""

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx2")

import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save
from pasunchat.page.app import build_app
from pasunchat.page.listening import bound
from pasunchat.page.security import TOKEN
from pasunchat.page.serving import config_for
from pasunchat.page.settings import Limits, Settings

SIZE, PORT = 32, 7860
HERE = f"http://127.0.0.1:{PORT}"
PATIENT = Limits(later_seconds=600.0)  # nothing is left out, however slow the machine is


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run, `runs/mine`, in the folder that the page is begun in."""
    monkeypatch.setenv("PASUNCHAT_FAST", "0")  # nothing is compiled for a picture of this size
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "mine"
    save(build("simple:width=8", classes=("cat", "dog"), size=SIZE, seed=1), folder)
    return folder


@pytest.fixture
def settings(run: Path) -> Settings:
    return Settings(models=("mine",), port=PORT, limits=PATIENT)


class Asker:
    """A browser on the page: it has the page's token, and sends what browsers send."""

    def __init__(self, client: TestClient, here: str = HERE) -> None:
        self.client, self.here, self.token = client, here, ""
        found = re.search(r'name="token" content="([^"]+)"', client.get("/").text)
        self.token = found[1] if found else ""

    @property
    def page(self) -> Any:
        app: Any = self.client.app
        return app.state.page

    def headers(self, **more: str) -> dict[str, str]:
        own = {"Origin": self.here, "Sec-Fetch-Site": "same-origin", TOKEN: self.token}
        return {**own, **{name.replace("_", "-"): value for name, value in more.items()}}

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, body: Any = b"", **more: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, headers=self.headers(**more))

    def drop(self, data: bytes, name: str = "rex.png") -> Any:
        return self.post("/photo?run=m0", data, X_Pasunchat_Name=name)

    def photo(self, data: bytes) -> dict[str, Any]:
        answer = self.drop(data)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fool(self, photo: dict[str, Any], **more: Any) -> str:
        """A search, begun."""
        goal = int(np.argmin(photo["probabilities"]))
        asked = {"photo": photo["photo"], "run": "m0", "target": goal, "confidence": 0.6, **more}
        answer = self.post("/attack", asked)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["attack"])

    def events(self, attack: str, **headers: str) -> list[tuple[str, Any]]:
        """All that a search says, once it is over."""
        text = self.client.get(f"/attack/{attack}/events", headers=headers).text
        pairs = re.findall(r"event: (\w+)\ndata: (.*)\n", text)
        return [(name, json.loads(data)) for name, data in pairs]

    def fooled(self, data: bytes, **more: Any) -> tuple[str, dict[str, Any]]:
        """A photo, fooled: the search, and what it found."""
        attack = self.fool(self.photo(data), **more)
        events = self.events(attack)
        assert events[-1] == ("done", {}), events[-1]
        return attack, next(said for name, said in events if name == "found")


@pytest.fixture
def asker(settings: Settings) -> Iterator[Asker]:
    """Whoever sits at the machine."""
    with asked(settings) as asker:
        yield asker


@contextmanager
def asked(settings: Settings) -> Iterator[Asker]:
    app = build_app(settings)
    try:
        with TestClient(app, base_url=HERE, client=("127.0.0.1", 50000)) as client:
            yield Asker(client)
    finally:
        app.state.page.workers.join(30)  # before the next test, and before the interpreter ends


@pytest.fixture
def ask_of() -> Callable[..., Any]:
    """Another page, by its settings."""
    return asked


def picture(
    seed: int = 0, width: int = 48, height: int = 40, kind: str = "PNG", **more: Any
) -> bytes:
    """The bytes of a photo: smooth, so that a JPEG keeps it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(
        file, kind, **more
    )
    return file.getvalue()


@pytest.fixture(scope="session")
def draw() -> Callable[..., bytes]:
    return picture


class Served:
    """A page on a port, spoken to by sockets."""

    def __init__(self, settings: Settings) -> None:
        self.listener = bound("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.settings = replace(settings, port=self.port)
        self.app: Starlette = build_app(self.settings)
        self.server = uvicorn.Server(config_for(self.app, self.settings.limits))
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True
        )

    @property
    def token(self) -> str:
        return str(self.app.state.page.token)

    def __enter__(self) -> "Served":
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.app.state.page.workers.join(30)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def head(self, line: str, *more: str) -> bytes:
        """The first lines of a request of the page itself."""
        here = f"127.0.0.1:{self.port}"
        own = (f"Host: {here}", f"Origin: http://{here}", "Sec-Fetch-Site: same-origin")
        lines = (f"{line} HTTP/1.1", *own, f"{TOKEN}: {self.token}", *more)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture
def served(settings: Settings) -> Callable[..., Served]:
    """A page on a port, with some limits of its own."""

    def serve(**limits: Any) -> Served:
        return Served(replace(settings, limits=replace(settings.limits, **limits)))

    return serve
