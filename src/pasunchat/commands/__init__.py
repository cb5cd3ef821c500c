"""COMMANDS: every command by name. One more is one file and one row here.

A command holds its options and its printing, never the work, and imports nothing heavy until it
runs, so that --help answers at once.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import typer

from pasunchat.commands import (
    attack,
    certify,
    compare,
    demo,
    docs,
    doctor,
    evaluate,
    export,
    fool,
    pack,
    page,
    predict,
    prepare,
    report,
    summary,
    train,
    verify,
)


class Command(NamedTuple):
    """run: the function whose parameters are the options. examples: shown under --help."""

    run: Callable[..., Any]
    examples: tuple[str, ...]


COMMANDS = {
    "demo": Command(demo.demo, demo.EXAMPLES),
    "prepare": Command(prepare.prepare, prepare.EXAMPLES),
    "summary": Command(summary.summary, summary.EXAMPLES),
    "train": Command(train.train, train.EXAMPLES),
    "evaluate": Command(evaluate.evaluate, evaluate.EXAMPLES),
    "compare": Command(compare.compare, compare.EXAMPLES),
    "predict": Command(predict.predict, predict.EXAMPLES),
    "fool": Command(fool.fool, fool.EXAMPLES),
    "page": Command(page.page, page.EXAMPLES),
    "pack": Command(pack.pack, pack.EXAMPLES),
    "attack": Command(attack.attack, attack.EXAMPLES),
    "certify": Command(certify.certify, certify.EXAMPLES),
    "verify": Command(verify.verify, verify.EXAMPLES),
    "export": Command(export.export, export.EXAMPLES),
    "report": Command(report.report, report.EXAMPLES),
    "docs": Command(docs.docs, docs.EXAMPLES),
    "doctor": Command(doctor.doctor, doctor.EXAMPLES),
}

ABOUT = (
    "Train an image classifier from a folder of photos, then find the least change to a photo "
    "that fools it."
)


def application() -> typer.Typer:
    """The whole command line, out of COMMANDS."""
    app = typer.Typer(help=ABOUT, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_start)
    for name, command in COMMANDS.items():
        epilog = "\n\n".join(("Examples:", *command.examples))
        app.command(name, epilog=epilog)(command.run)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pasunchat {version('pasunchat')}")
        raise typer.Exit


def _start(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the program an error came from.")
    ] = False,
) -> None:
    pass
