"""pasunchat docs: the pages of the manual, which come with the package."""

from pathlib import Path
from typing import Annotated

import typer

from pasunchat.commands.printing import say
from pasunchat.errors import PasunchatError

EXAMPLES = ("pasunchat docs", "pasunchat docs models | less")
PAGES = {
    "talk": "the talk, slide by slide: to learn from, or to give as a lesson",
    "talk.fr": "l'exposé, diapositive par diapositive",
    "models": "your own model, of PyTorch, Keras, ONNX, timm or transformers",
    "networks": "the networks that can be trained",
    "attacks": "the attacks, and which one to take",
    "defences": "training against attacks, and what to take when",
    "certificates": "what no change can do: proved, beside what attacks show",
    "commands": "every command and option",
    "python": "the library, in Python",
    "warnings": "signs that a result says less than it seems",
    "methods": "how our attacks are derived",
}


def docs(
    page: Annotated[
        str | None, typer.Argument(help=f"Page: {', '.join(PAGES)}; else a list of them.")
    ] = None,
) -> None:
    """Print a page of the manual."""
    if page is None:
        width = max(map(len, PAGES))
        for name, about in PAGES.items():
            say(f"{name:{width}}  {about}")
        return
    if page not in PAGES:
        raise PasunchatError(f'no page "{page}"; there are: {", ".join(PAGES)}')
    say(_file(page).read_text(encoding="utf-8"))


def _file(page: str) -> Path:
    """Where a page lies: in the package as installed, or in the folder it is developed in."""
    package = Path(__file__).parents[1]
    installed = package / "docs" / f"{page}.md"
    return installed if installed.is_file() else package.parents[1] / "docs" / f"{page}.md"
