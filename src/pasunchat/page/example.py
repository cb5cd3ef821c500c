"""The finished example: what the first screen shows before anything has been computed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pasunchat.page.searches import Search

FOLDER = Path(__file__).parent / "example"
FACTS = "facts.json"
SAMPLES = ("chelsea", "coffee", "dog", "cat", "pipe")
MADE = {"random": "png", "random32": "png", "changed": "png", "film": "webp", "facts": "json"}


@dataclass(frozen=True)
class Example:
    """Facts, and the addresses of pictures by name."""

    facts: dict[str, Any]
    urls: dict[str, str]


def shipped_files() -> dict[str, Path]:
    """The files that come with the package, by their names."""
    return {path.name: path for path in sorted(FOLDER.glob("*")) if path.name != FACTS}


def shipped_example(run: str) -> Example:
    """The example that comes with the package. run: the short name of its network."""
    facts = msgspec.json.decode((FOLDER / FACTS).read_bytes(), type=dict[str, Any])
    return Example(
        {**facts, "run": run},
        {path.stem: f"/example/{name}" for name, path in shipped_files().items()},
    )


def example_of(search: "Search") -> Example:
    """A search that is over, as the example."""
    run, photo = search.model.facts.run, f"/photo/{search.photo.id}"
    urls = {name: f"/attack/{search.id}/{name}.{kind}" for name, kind in MADE.items()}
    urls |= {"photo": f"{photo}/seen.png?run={run}", "file": f"{photo}/file.webp"}
    return Example({**search.facts, "classes": search.model.facts.classes}, urls)


def samples() -> list[dict[str, str]]:
    """Photos to try: names, and small pictures."""
    return [{"name": name, "url": f"/example/sample-{name}.webp"} for name in SAMPLES]
