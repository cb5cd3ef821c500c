"""pasunchat page: the local page."""

from contextlib import suppress
from typing import Annotated, Literal

import typer

from pasunchat.commands.printing import say

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
    from pasunchat.page.models import refuse_unknown
    from pasunchat.page.serving import end_now, serve
    from pasunchat.page.settings import Settings

    refuse_unknown(models or ())
    settings = Settings(
        models=tuple(models or ()), port=port, lang=lang, teach=teach, classroom=class_
    )

    def ready() -> None:
        address = f"http://127.0.0.1:{port}/"
        say(f"the page is at {address}  (Ctrl-C ends it)")
        if open_:
            import webbrowser

            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        serve(settings, ready)
    end_now()
    return 0
