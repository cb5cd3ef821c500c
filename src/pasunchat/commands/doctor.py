"""pasunchat doctor: what this machine and this installation have, and what will not work."""

from typing import TYPE_CHECKING, Annotated

import typer

from pasunchat.commands.bars import progress_bar
from pasunchat.commands.printing import print_json, say

if TYPE_CHECKING:
    from pasunchat.doctor import Check

EXAMPLES = ("pasunchat doctor", "pasunchat doctor --json > machine.json")


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Say what this machine has, what will not work, and what to do. Exit status 1: broken."""
    from pasunchat.doctor import doctor as doctor_

    with progress_bar("looking", "checks") as progress:
        checks = doctor_(progress)
    broken = [check.name for check in checks if check.status == "broken"]
    if json:
        print_json(checks)
    else:
        _print(checks)
        first = "; begin with the first, the others may follow from it" if broken[1:] else ""
        say(f"broken: {', '.join(broken)}{first}" if broken else "all is well")
    return 1 if broken else 0


def _print(checks: "list[Check]") -> None:
    """Plain lines: a table would cut the advice, and its pip lines are to be copied."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        say(f"{check.status:6}  {check.name:{width}}  {check.found}")
        if check.advice:
            say(f"{'':6}  {'':{width}}  {check.advice}")
