"""The finished example: what the first screen shows before anything has been computed."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "example"
FACTS = "facts.json"
SAMPLES = ("chelsea", "coffee", "dog", "cat", "pipe")


@dataclass(frozen=True)
class Example:
    """Facts, and pictures by the name they are asked for by."""

    facts: dict[str, object]
    files: dict[str, Path]

    @property
    def urls(self) -> dict[str, str]:
        """Where each picture is, by its name without ending."""
        return {path.stem: f"/example/{name}" for name, path in self.files.items()}

    @property
    def samples(self) -> list[dict[str, str]]:
        """Photos to try, and small pictures of them."""
        return [{"name": name, "url": self.urls[f"sample-{name}"]} for name in SAMPLES]


def shipped_example() -> Example:
    """The one that comes with the package."""
    facts: dict[str, object] = {}
    if (FOLDER / FACTS).is_file():
        facts = msgspec.json.decode((FOLDER / FACTS).read_bytes(), type=dict[str, object])
    files = {path.name: path for path in sorted(FOLDER.glob("*")) if path.name != FACTS}
    return Example(facts, files)
