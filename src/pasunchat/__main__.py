"""Hands the command line to commands/, and turns what goes wrong into one line."""

import io
import logging
import os
import sys
import traceback
import warnings
from typing import Any

import typer
from typer.exceptions import TyperException

from pasunchat.commands import application
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.runtime import wait_briefly

DONE, MISUSED, INTERRUPTED = 0, 2, 130
STDERR = 2  # its file descriptor, which C libraries write to
FORMAT = warnings.formatwarning  # Python's own


def main(words: list[str] | None = None) -> None:
    """Run the command line and leave with its status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know no ticks
    warnings.formatwarning = _in_one_line
    words = sys.argv[1:] if words is None else words
    if "--debug" not in words:
        quiet_libraries()
    wait_briefly()
    sys.exit(run(words))


def quiet_libraries() -> None:
    """Keep what libraries write to stderr by themselves, in C or as log, off the terminal: what
    matters of it comes back as an error. Our own lines go where stderr went."""
    logging.getLogger().addHandler(logging.NullHandler())
    if not isinstance(sys.stderr, io.TextIOWrapper):
        return
    try:
        sys.stderr.flush()
        ours = os.dup(STDERR)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, STDERR)
        os.close(nothing)
    except OSError:  # stderr is closed
        return
    sys.stderr = open(  # noqa: SIM115, PTH123 - it stays open until the process ends
        ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace"
    )


def run(words: list[str]) -> int:
    """0: done. 1: done, and the answer is no. 2: misuse or failure. 130: interrupted."""
    debug = "--debug" in words
    words = words or ["--help"]
    try:
        status = application()(
            [word for word in words if word != "--debug"],
            prog_name="pasunchat",
            standalone_mode=False,
        )
    except (PasunchatError, TyperException, OSError) as error:
        if debug:
            traceback.print_exc()
        return _complain(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else DONE


def _in_one_line(message: Warning | str, category: type[Warning], *where: Any, **_: Any) -> str:
    """A warning as it is printed; of ours, without the place in the program."""
    if issubclass(category, PasunchatWarning):
        return f"warning: {message}\n"
    return FORMAT(message, category, *where)


def _complain(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    text = error.format_message() if isinstance(error, TyperException) else str(error)
    if isinstance(error, OSError):
        text = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    sys.stderr.write(f"error: {' '.join(text.split())}\n")
    return MISUSED


if __name__ == "__main__":
    main()
