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
FILES = {"example": "file-photo.png", "example-changed": "file-changed.png"}
ALIASES = {"sample-chelsea": "example"}


class Shared:
    """Photos by names that no visitor's photo has, opened when one is first asked for."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = {f"sample-{path.stem}": path for path in sorted(FOLDER.glob("*.webp"))}
        shipped = shipped_files()
        self.files |= {name: shipped[file] for name, file in FILES.items()}
        self.opened: dict[str, KeptPhoto] = {}

    def get(self, name: str) -> "KeptPhoto | None":
        """One of them; None for any other name."""
        name = ALIASES.get(name, name)
        path = self.files.get(name)
        if path is None:
            return None
        if name not in self.opened:
            from pasunchat.page.opening import opened

            shown = "chelsea.png" if name in FILES else path.name
            kept = opened(path.read_bytes(), shown, SHARED, self.limits)
            self.opened[name] = replace(kept, id=name)
        return self.opened[name]
