"""How commands speak: results on stdout, notes on stderr."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pasunchat.storage import to_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pasunchat.fooled.outcome import Outcome

WIDEST = 140
BOUNDLESS = 1 << 20


def say(text: str = "") -> None:
    """A line of results."""
    typer.echo(text)


def note(text: str) -> None:
    """A line of advice, on stderr."""
    typer.echo(text, err=True)


def note_any(text: str | None) -> None:
    """A note, where there is something to say."""
    if text:
        note(f"note: {text}")


def print_json(value: Any) -> None:
    """A result as JSON: one object."""
    typer.echo(to_json(value).decode(), nl=False)


def closing(wrote: Path | str, next_command: str) -> None:
    """The last lines: what was written, and what one may want next."""
    place = f"{wrote}/" if isinstance(wrote, Path) and wrote.is_dir() else f"{wrote}"
    say(f"wrote {place}")
    say(f"next: {next_command}")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Results in columns; the first is left-aligned, the others right."""
    _console().print(_grid(headings, rows))


def fits(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has room in the terminal, with nothing cut off."""
    console = _console()
    boundless = console.options.update(max_width=BOUNDLESS)
    return console.measure(_grid(headings, rows), options=boundless).maximum <= console.width


def _grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, heading in enumerate(headings):
        grid.add_column(heading, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    return grid


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console


def print_outcome(outcome: "Outcome") -> None:
    """The talk's three lines, the control, and what becomes of the picture elsewhere."""
    from pasunchat.fooled.outcome_in_words import (
        change_in_words,
        control_in_words,
        survival_in_words,
        surviving_cost_in_words,
        transfer_in_words,
    )
    from pasunchat.words import factor, percent

    width = max(len(Path(outcome.photo).name), len(outcome.picture), 16)
    before, after = outcome.before, outcome.after
    say(f"  {Path(outcome.photo).name:{width}}  {before.label} {percent(before.confidence)}")
    if outcome.l2:
        say(f"+ {factor(outcome.factor) + ' x noise':{width}}  {change_in_words(outcome)}")
    said = f"{after.label} {percent(after.confidence)}"
    say(f"= {outcome.picture:{width}}  {said}      read back from disk and asked again")
    if outcome.control:
        say(f"  {control_in_words(outcome)}")
    if outcome.fooled:
        say(f"  {survival_in_words(outcome)}")
    if outcome.cost_of_surviving:
        say(f"  {surviving_cost_in_words(outcome)}")
    for other in outcome.transfer:
        say(f"  {transfer_in_words(other)}")
    if not outcome.fooled:
        say(f"  not fooled: {outcome.advice}")
