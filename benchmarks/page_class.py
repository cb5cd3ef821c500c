"""A class at the page: thirty clients at once, each with a photo and a search, as a browser asks.

    PYTHONPATH=src python benchmarks/page_class.py --clients 30 --seconds 60

The page runs in a process of its own (`pasunchat page --class`'s limits, on loopback). Each client
drops a photo, looks at layers and units, fools the photo and listens, again and again, with pauses
as of people. Said are the times of each kind of question, what went wrong, and what the queue said.
"""

import argparse
import asyncio
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

SERVE = """
import sys
from pasunchat.page.listening import bound
from pasunchat.page.serving import serve
from pasunchat.page.settings import ClassLimits, Settings
limits = ClassLimits(photos=1000, questions=100000, searches=1000)
settings = Settings(models=("shipped:simple",), port=int(sys.argv[1]), address="127.0.0.1",
                    class_limits=limits)
serve(
    bound(settings.host, settings.port),
    settings,
    lambda page: print(page.token, flush=True),
)
"""
PAUSE = 4.0  # seconds that a person looks before the next question, at most
PHOTOS = 16  # that they have between them


class Client:
    """One visitor, speaking HTTP/1.1 over connections of its own."""

    def __init__(self, port: int, token: str, number: int, photos: list[bytes]) -> None:
        self.here, self.port, self.token = f"127.0.0.1:{port}", port, token
        self.random, self.photos = random.Random(number), photos
        self.times: dict[str, list[float]] = defaultdict(list)
        self.wrong: list[str] = []
        self.places: list[int] = []
        self.fooled = 0

    async def ask(self, kind: str, path: str, body: bytes | None = None) -> bytes:
        """An answer's body; its time and its status are kept."""
        began = time.perf_counter()
        status, answer = await self._request(path, body)
        self.times[kind].append(time.perf_counter() - began)
        if status >= 400:
            self.wrong.append(f"{kind}: {status} {answer[:200]!r}")
        return answer

    async def live(self, ends: float) -> None:
        """What a visitor does until the time is over."""
        await asyncio.sleep(self.random.uniform(0, PAUSE))
        while time.perf_counter() < ends:
            data = self.random.choice(self.photos)
            photo = json.loads(await self.ask("photo", "/photo?run=m0", data))
            await self._look(photo["photo"])
            await self._fool(photo)

    async def _look(self, photo: str) -> None:
        await self.ask("layers", f"/photo/{photo}/layers?run=m0")
        for _ in range(4):
            y, x = self.random.randrange(112), self.random.randrange(112)
            await self.ask("unit", f"/photo/{photo}/unit?run=m0&layer=conv1&map=3&y={y}&x={x}")
            await asyncio.sleep(self.random.uniform(0, PAUSE / 4))
        await self.ask("predict", f"/photo/{photo}/ask?run=m0", b"")

    async def _fool(self, photo: dict[str, object]) -> None:
        asked = {"photo": photo["photo"], "run": "m0"}
        answer = json.loads(await self.ask("attack", "/attack", json.dumps(asked).encode()))
        if "attack" not in answer:
            return
        began = time.perf_counter()
        _, heard = await self._request(f"/attack/{answer['attack']}/events", None)
        self.times["fooled"].append(time.perf_counter() - began)
        text = heard.decode()
        self.places += [int(place) for place in re.findall(r'"place":(\d+)', text)]
        if "event: done" in text:
            self.fooled += 1
        else:
            self.wrong.append(f"events: {text[-200:]!r}")
        await asyncio.sleep(self.random.uniform(0, PAUSE))

    async def _request(self, path: str, body: bytes | None) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {self.here}"]
        lines += [f"Origin: http://{self.here}", "Sec-Fetch-Site: same-origin"]
        lines += [f"X-Pasunchat-Token: {self.token}", f"X-Pasunchat-Name: {quote('rex.jpg')}"]
        lines += ["Connection: close", f"Content-Length: {len(body or b'')}"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b""))
        await writer.drain()
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if b"chunked" in head:
            rest = b"".join(rest.split(b"\r\n")[1::2])
        return int(head.split()[1]), rest


def a_photo(seed: int) -> bytes:
    """A JPEG of 1,200 x 900, as a telephone sends it, smaller."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    whole = Image.fromarray(coarse).resize((1200, 900), Image.Resampling.BICUBIC)
    whole.save(file, "JPEG", quality=85)
    return file.getvalue()


async def crowd(port: int, token: str, clients: int, seconds: float) -> list[Client]:
    """All of them, side by side."""
    photos = [a_photo(seed) for seed in range(PHOTOS)]
    everyone = [Client(port, token, number, photos) for number in range(clients)]
    await everyone[0].ask("models", "/models")
    ends = time.perf_counter() + seconds
    await asyncio.gather(*(client.live(ends) for client in everyone))
    return everyone


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=7933)
    given = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    page = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(given.port)],
        stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert page.stdout is not None
        token = page.stdout.readline().strip()
        everyone = asyncio.run(crowd(given.port, token, given.clients, given.seconds))
    finally:
        page.kill()
        page.wait()
    report(everyone)


def report(everyone: list[Client]) -> None:
    """A line for each kind of question."""
    kinds = sorted({kind for client in everyone for kind in client.times})
    for kind in kinds:
        times = sorted(time for client in everyone for time in client.times[kind])
        p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
        print(f"{kind:8} {len(times):6}  median {statistics.median(times):.3f} s  p95 {p95:.3f} s")
    places = [place for client in everyone for place in client.places]
    print(f"searches done {sum(client.fooled for client in everyone)}, places said {len(places)}")
    print(f"largest place {max(places, default=0)}")
    wrong = [each for client in everyone for each in client.wrong]
    print(f"wrong {len(wrong)}", *wrong[:5], sep="\n")


if __name__ == "__main__":
    main()
