"""The photos that every page offers: those of the program's own page."""

import io
from collections.abc import Callable, Mapping

from PIL import Image

from pasunchat.pack.prepare import Sample
from pasunchat.page.example import FOLDER
from pasunchat.photos.drawing import draw, draw_pipe

SIDE = 448
NOT_FOOLED = ("coffee",)  # shown, to see what is said of it


def _drawn(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


OURS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "chelsea": ("chelsea.png", lambda: (FOLDER / "photo.png").read_bytes()),
    "coffee": ("coffee.webp", lambda: (FOLDER / "sample-coffee.webp").read_bytes()),
    "dog": ("dog.png", lambda: _drawn(draw("dog", 0, 0, SIDE))),
    "cat": ("cat.png", lambda: _drawn(draw("cat", 0, 0, SIDE))),
    "pipe": ("pipe.png", lambda: _drawn(draw_pipe(0, SIDE))),
}
OUR_NAMES = tuple(OURS)


def our_samples() -> list[Sample]:
    """All of them, the example first."""
    return [
        Sample(name, file, read(), fooled=name not in NOT_FOOLED)
        for name, (file, read) in OURS.items()
    ]
