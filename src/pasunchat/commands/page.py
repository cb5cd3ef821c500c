"""pasunchat page: the local page."""

from contextlib import suppress
from threading import Thread
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
    from pasunchat.extras import look_for

    for library in ("starlette", "uvicorn"):
        look_for(library, "page")
    from pasunchat.page.listening import bound
    from pasunchat.page.models import refuse_unknown
    from pasunchat.page.settings import Settings

    refuse_unknown(models or ())
    settings = Settings(
        models=tuple(models or ()),
        port=port,
        lang=lang,
        teach=teach,
        address=_class_address() if class_ else None,
    )
    listener, here = bound(settings.host, port), f"http://127.0.0.1:{port}/"
    if open_:
        _open(here)
    from pasunchat.page.serving import end_now, serve

    def ready(page: "Page") -> None:
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

    with suppress(KeyboardInterrupt):
        serve(listener, settings, ready)
    end_now()
    return 0


def _open(address: str) -> None:
    """Open it in the browser, which begins while the server is imported and waits for its answer.
    One in the terminal lasts until it is left, hence the thread."""
    import webbrowser

    Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _class_address() -> str:
    from pasunchat.page.classroom import class_address

    return class_address()


def _complain(loaded: "Future[Classifier]") -> None:
    """Say on stderr which model could not be loaded; the page goes on with the others."""
    error = None if loaded.cancelled() else loaded.exception()
    if error is not None:
        note(f"error: {error}")
