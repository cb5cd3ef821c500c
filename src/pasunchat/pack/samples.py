"""The photos that every page offers: those of the program's own page."""

from pasunchat.pack.prepare import Sample
from pasunchat.page.example import FOLDER, SAMPLES

EXAMPLE = "chelsea"
NOT_FOOLED = ("coffee",)  # shown, to see what is said of it


def our_samples() -> list[Sample]:
    """All of them, the example first."""
    files = {name: FOLDER / f"sample-{name}.webp" for name in SAMPLES}
    files[EXAMPLE] = FOLDER / "file-photo.png"
    return [
        Sample(
            name=name,
            file=f"{name}{files[name].suffix}",
            data=files[name].read_bytes(),
            fooled=name not in NOT_FOOLED,
        )
        for name in SAMPLES
    ]
