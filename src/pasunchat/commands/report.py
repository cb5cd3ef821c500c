"""pasunchat report: a run on one page."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pasunchat.commands.models import note_letters
from pasunchat.commands.printing import closing

EXAMPLES = (
    "pasunchat report runs/simple",
    "pasunchat report simple --lang fr --output simple.fr.html",
)


def report(
    run: Annotated[str | None, typer.Argument(help="A run or its name; else the newest.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File; else report.html in the run, replaced."),
    ] = None,
    lang: Annotated[Literal["en", "fr"], typer.Option(help="Language.")] = "en",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write one HTML file with data, network, curves, mistakes and fooled photos."""
    from pasunchat.classifiers.load import find
    from pasunchat.reports.report import write_report
    from pasunchat.training.run import find_run, open_run

    folder = find_run(run) if run else find(None)
    path = write_report(folder, output, overwrite=overwrite or output is None, lang=lang)
    note_letters(open_run(folder).info.data.counts)
    closing(path, f"open {path} in a browser, or print it")
