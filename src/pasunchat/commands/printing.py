"""How commands speak: results on stdout, notes on stderr."""

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pasunchat.storage import to_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pasunchat.fooled.outcome import Outcome
    from pasunchat.measures.certified import Certified
    from pasunchat.measures.gaps import Beside

WIDEST = 140  # columns of a table that no terminal shows, unless it needs more
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
    """The last lines: what was written, and what one may want next: a `command`, or a sentence."""
    place = f"{wrote}/" if isinstance(wrote, Path) and wrote.is_dir() else f"{wrote}"
    say(f"wrote {place}")
    say(f"next: {next_command}")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Results in columns; the first is left-aligned, the others right. No cell is cut: in a
    terminal that is too narrow it is folded, elsewhere the table is as wide as it needs."""
    console, grid = _console(), _grid(headings, rows)
    if not console.is_terminal:
        console.width = max(console.width, _width_of(grid, console))
    console.print(grid)


def fits(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has room in the terminal, with nothing folded."""
    console = _console()
    return _width_of(_grid(headings, rows), console) <= console.width


def _width_of(grid: "Table", console: "Console") -> int:
    boundless = console.options.update(max_width=BOUNDLESS)
    return console.measure(grid, options=boundless).maximum


def _grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, heading in enumerate(headings):
        grid.add_column(Text(heading), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console


def folded(text: str, indent: str) -> str:
    """The text, its lines after the first indented, at most as wide as the terminal. A mark stays
    beside what it is about."""
    columns = shutil.get_terminal_size().columns
    whole = text.replace(" ✓", "\u00a0✓").replace(" ✗", "\u00a0✗")
    lines = textwrap.wrap(
        whole, columns, initial_indent="  ", subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(lines).replace("\u00a0", " ")


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
    say(f"  model: {outcome.model}")
    if outcome.control:
        say(f"  {control_in_words(outcome)}")
    if outcome.fooled:
        say(folded(survival_in_words(outcome), "    "))
    if outcome.cost_of_surviving:
        say(f"  {surviving_cost_in_words(outcome)}")
    for other in outcome.transfer:
        say(f"  {transfer_in_words(other)}")
    if not outcome.fooled:
        say(f"  not fooled: {outcome.advice}")


def print_certified(found: "Certified", beside: "Beside | None") -> None:
    """What is proved on a split; with an attack beside it also what is shown, and the photos with
    the widest gaps."""
    from pasunchat.reports.certified_words import gap_findings, proved_in_words, widest_in_words

    for sentence in [*proved_in_words(found), *(gap_findings(found, beside) if beside else ())]:
        say(sentence)
    for line in widest_in_words(beside, found.norm) if beside else ():
        say(f"  {line}")


def is_contradicted(beside: "Beside | None") -> bool:
    """Whether an attack has shown what is proved impossible, said on stderr."""
    from pasunchat.measures.gaps import contradictions

    if beside is None or not contradictions(beside.gaps):
        return False
    note("a change within a proved radius fools the classifier: one of the two is wrong")
    return True
