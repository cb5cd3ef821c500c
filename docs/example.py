"""Make the page's finished example and its samples anew: python docs/example.py

Everything is said by the page itself: a page is started, the square of Chelsea is sent to it as a
visitor would, and what it answers is written down. Needs the extra `page` and scikit-image, whose
photos of Chelsea and of a cup of coffee are in the public domain (CC0).
"""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image
from skimage import data

from pasunchat.framing import scaled_size
from pasunchat.photos.drawing import draw, draw_pipe
from pasunchat.photos.image import png_bytes

PAGE = Path(__file__).parent.parent / "src" / "pasunchat" / "page"
EXAMPLE, SAMPLES = PAGE / "example", PAGE / "samples"
ADDRESS = "http://127.0.0.1:{}"
PORT = 7869
SQUARE = (52, 0, 352, 300)  # of Chelsea
SIDE, SAMPLE_SIDE, THUMB = 224, 320, 144
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # in several, sums are added up in another order
PARTS = ("why", "little", "price", "others")


class Page:
    """A page that is asked as a browser would."""

    def __init__(self) -> None:
        self.address = ADDRESS.format(PORT)
        command = (sys.executable, "-m", "pasunchat", "page", "--port", str(PORT))
        self.process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD})
        while True:
            try:
                text = self.read("/").decode()
                break
            except OSError:
                time.sleep(0.1)
        self.token = re.findall(r'name="token" content="(.*?)"', text)[0]
        self.run = json.loads(self.read("/models"))[0]["run"]

    def read(self, path: str) -> bytes:
        """GET."""
        with urlopen(self.address + path) as answer:
            found: bytes = answer.read()
        return found

    def send(self, path: str, body: bytes, **headers: str) -> Any:
        """POST -> JSON."""
        told = {
            "Origin": self.address,
            "Sec-Fetch-Site": "same-origin",
            "X-Pasunchat-Token": self.token,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with urlopen(Request(self.address + path, body, told)) as answer:
            return json.loads(answer.read())

    def events(self, attack: str) -> Any:
        """What a search says: (name, data)."""
        with urlopen(f"{self.address}/attack/{attack}/events") as stream:
            name = ""
            for line in map(bytes.decode, stream):
                kind, _, value = line.strip().partition(": ")
                name = value if kind == "event" else name
                if kind == "data":
                    yield name, json.loads(value)
                    if name in ("done", "failed"):
                        return


def main() -> None:
    """Write the files."""
    EXAMPLE.mkdir(exist_ok=True)
    SAMPLES.mkdir(exist_ok=True)
    chelsea = Image.fromarray(data.chelsea())
    square = chelsea.crop(SQUARE).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    page = Page()
    try:
        facts = fooled(page, square)
        facts["photo"]["whole"] = whole(page, chelsea)
        facts["coffee"] = samples(page, square)
    finally:
        page.process.terminate()
    text = json.dumps(rounded(facts), separators=(",", ":"), ensure_ascii=False)
    (EXAMPLE / "facts.json").write_text(text, "utf-8")


def fooled(page: Page, square: Image.Image) -> dict[str, Any]:
    """The facts of the example; its pictures are written."""
    png = png_bytes(np.asarray(square), {})
    photo = page.send(f"/photo?run={page.run}", png, X_Pasunchat_Name="chelsea.png")
    goal = int(np.argmin(photo["probabilities"]))
    wanted = {"photo": photo["photo"], "run": page.run, "target": goal, "confidence": 0.95}
    attack = page.send("/attack", json.dumps(wanted).encode())["attack"]
    facts: dict[str, Any] = {"photo": photo, "model": "simple", "run": page.run, "tries": []}
    facts["survival"] = []
    for name, value in page.events(attack):
        if name == "tries":
            facts["tries"] += value
        elif name == "survival":
            facts["survival"].append(value)
        elif name == "found":
            facts |= value
        elif name in ("film", "control"):
            facts[name] = value
        elif name == "failed":
            raise SystemExit(f"the search failed: {value}")
    for part in PARTS:
        answer = json.loads(page.read(f"/attack/{attack}/{part}"))
        facts |= answer if part == "why" else {part: answer}
    pictures = {"photo": png, "changed": page.read(f"/attack/{attack}/changed.png")}
    for name, picture in pictures.items():
        (EXAMPLE / f"file-{name}.png").write_bytes(picture)
        shown = Image.open(io.BytesIO(picture)).convert("RGB")  # the same pixels in fewer bytes
        shown.save(EXAMPLE / f"{name}.webp", lossless=True, quality=100, method=6)
    (EXAMPLE / "random.png").write_bytes(page.read(f"/attack/{attack}/random.png"))
    strong = Image.open(io.BytesIO(page.read(f"/attack/{attack}/random32.png")))
    strong.save(EXAMPLE / "random32.webp", quality=85, method=6)
    facts["photo"]["photo"], facts["picture"] = "example", "example-changed"
    facts["request"]["photo"] = "example"
    return facts


def whole(page: Page, chelsea: Image.Image) -> dict[str, Any]:
    """The whole photo, and the square that a network would be given of it."""
    png = png_bytes(np.asarray(chelsea), {})
    found = page.send(f"/photo?run={page.run}", png, X_Pasunchat_Name="chelsea.png")
    seen = Image.open(io.BytesIO(page.read(f"/photo/{found['photo']}/seen.png?run={page.run}")))
    chelsea.save(EXAMPLE / "whole.webp", quality=80, method=6)
    seen.save(EXAMPLE / "whole-seen.webp", quality=80, method=6)
    return {"file": found["file"], "seen": found["seen"]}


def samples(page: Page, square: Image.Image) -> dict[str, Any]:
    """Write the samples, small and to be asked about; the answer to the cup of coffee."""
    coffee = Image.fromarray(data.coffee())
    width, height = scaled_size(*coffee.size, SAMPLE_SIDE, "crop")
    photos = {
        "chelsea": square,
        "coffee": middle(coffee.resize((width, height), Image.Resampling.LANCZOS)),
        "dog": draw("dog", 0, 3, SAMPLE_SIDE),
        "cat": draw("cat", 0, 3, SAMPLE_SIDE),
        "pipe": draw_pipe(0, SAMPLE_SIDE),
    }
    for name, photo in photos.items():
        small = photo.resize((THUMB, THUMB), Image.Resampling.LANCZOS)
        small.save(EXAMPLE / f"sample-{name}.webp", quality=80, method=6)
        if name != "chelsea":
            photo.save(SAMPLES / f"{name}.webp", quality=90, method=6)
    file = (SAMPLES / "coffee.webp").read_bytes()
    found = page.send(f"/photo?run={page.run}", file, X_Pasunchat_Name="coffee.webp")
    return {"probabilities": found["probabilities"]}


def middle(photo: Image.Image) -> Image.Image:
    """The square in the middle."""
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side))


def rounded(value: Any) -> Any:
    """Six digits are enough to say."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
