"""The photos that every page offers: those of the program's own page."""

import io
from pathlib import Path

from PIL import Image

from pasunchat.pack.prepare import Sample
from pasunchat.page.example import FOLDER as EXAMPLE_FILES
from pasunchat.page.example import SAMPLES
from pasunchat.page.samples import FOLDER

EXAMPLE, SIDE = "chelsea", 224  # pixels
NOT_FOOLED = ("coffee",)  # shown, to see what is said of it


def our_samples(size: int) -> list[Sample]:
    """All of them, the example first, each as large as a network's pictures of `size` pixels, but
    not smaller than the example."""
    side = max(SIDE, size)
    files = {name: FOLDER / f"{name}.webp" for name in SAMPLES}
    files[EXAMPLE] = EXAMPLE_FILES / "file-photo.png"
    return [
        Sample(
            name=name,
            file=f"{name}{files[name].suffix}",
            data=_at_most(files[name], side),
            fooled=name not in NOT_FOOLED,
        )
        for name in SAMPLES
    ]


def _at_most(path: Path, side: int) -> bytes:
    """A square photo's file; a larger photo anew."""
    with Image.open(path) as photo:
        if photo.width <= side:
            return path.read_bytes()
        small = photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=90, method=6)
    return file.getvalue()
