"""The report of a run: one HTML file that needs no script, no network and no other file."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from pasunchat.reports.contents import Contents, contents
from pasunchat.storage import refuse_existing, write_bytes
from pasunchat.training.run import open_run

REPORT, TEMPLATE = "report.html", "report.html.j2"


def write_report(
    run_folder: str | Path, output: str | Path | None = None, *, overwrite: bool = False
) -> Path:
    """Write a run's report, by default as report.html in its folder; returns where.

    The same run gives the same bytes, but for the line of times. Raises PasunchatError if the
    folder holds no run, or the file exists and `overwrite` is false.
    """
    run = open_run(run_folder)
    output = Path(output or run.folder / REPORT)
    refuse_existing(output, overwrite=overwrite)
    write_bytes(output, _rendered(contents(run)).encode())
    return output


def _rendered(page: Contents) -> str:
    environment = Environment(
        loader=PackageLoader("pasunchat.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_with_fixed_spaces,
    )
    return environment.get_template(TEMPLATE).render(page=page)


def _with_fixed_spaces(value: object) -> object:
    """No line break between a number and its percent sign."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value
