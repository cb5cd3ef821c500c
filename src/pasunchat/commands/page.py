"""pasunchat page: the local page."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pasunchat.commands.printing import note, say

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.page.state import Page

EXAMPLES = (
    "pasunchat page",
    "pasunchat page runs/mine tiny --open",
    "pasunchat page --teach --lang fr --class",
)


def page(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Runs, or any models; else the shipped ones."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 7860,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    teach: Annotated[
        bool, typer.Option("--teach", help="One step at a time, in large type.")
    ] = False,
    lang: Annotated[Literal["en", "fr"], typer.Option(help="Language to begin in.")] = "en",
    class_: Annotated[
        bool,
        typer.Option("--class", help="Let others of the local network in, with a code."),
    ] = False,
) -> int:
    """Show photos, what networks see in them, and how they are fooled, on a page of this machine.

    Nothing leaves this machine, and photos are kept in memory only. Ctrl-C ends it.
    """
    from pasunchat.extras import extra

    extra("starlette", "page")
    extra("uvicorn", "page")
    from pasunchat.page.classroom import class_address
    from pasunchat.page.models import refuse_unknown
    from pasunchat.page.serving import end_now, serve
    from pasunchat.page.settings import Settings

    refuse_unknown(models or ())
    address = class_address() if class_ else None
    settings = Settings(
        models=tuple(models or ()), port=port, lang=lang, teach=teach, address=address
    )

    def ready(page: "Page") -> None:
        here = f"http://127.0.0.1:{port}/"
        say(f"the page is at {here}  (Ctrl-C ends it)")
        if class_:
            said = page.invitation()
            say(f"the class comes in at {said['address']} with the code {said['code']}")
            note(
                "note: photos travel over this network as they are, and stay in this machine's "
                "memory until it ends or their owner takes another"
            )
        for model in page.models.by_run.values():
            model.looked_into.add_done_callback(_complain)
        if open_:
            import webbrowser

            webbrowser.open(here)

    with suppress(KeyboardInterrupt):
        serve(settings, ready)
    end_now()
    return 0


def _complain(loaded: "Future[Classifier]") -> None:
    """Say on stderr which model could not be loaded; the page goes on with the others."""
    error = None if loaded.cancelled() else loaded.exception()
    if error is not None:
        note(f"error: {error}")
