"""Photos that come with the page: the example's two, and samples to try. Every visitor has them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pasunchat.page.example import shipped_files
from pasunchat.page.photos import SHARED
from pasunchat.page.settings import Limits

if TYPE_CHECKING:
    from pasunchat.page.photos import KeptPhoto

FOLDER = Path(__file__).parent / "samples"


class Shared:
    """Photos by names that no visitor's photo has, opened when one is first asked for."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = {f"sample-{path.stem}": path for path in sorted(FOLDER.glob("*.webp"))}
        files = shipped_files()
        for name, stem in (("example", "photo.png"), ("example-changed", "changed.png")):
            if stem in files:
                self.files[name] = files[stem]
        self.opened: dict[str, KeptPhoto] = {}

    def get(self, name: str) -> "KeptPhoto | None":
        """One of them; None for any other name."""
        path = self.files.get(name)
        if path is None:
            return None
        if name not in self.opened:
            from pasunchat.page.opening import opened

            shown = "chelsea.png" if name.startswith("example") else path.name
            kept = opened(path.read_bytes(), shown, SHARED, self.limits)
            self.opened[name] = replace(kept, id=name)
        return self.opened[name]
