"""The report of a run: one HTML file that needs no script, no network and no other file.

`contents.py` reads the run's folder. `templates/report.html.j2` turns it into a page, by the
filters, tests and functions listed here.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from math import log
from pathlib import Path
from statistics import median

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from pasunchat.fooled.fool_photos import FooledPhoto
from pasunchat.fooled.outcome_in_words import (
    change_in_words,
    control_in_words,
    noise_in_words,
)
from pasunchat.fooled.row import captions
from pasunchat.pictures.figures import styled, svg
from pasunchat.reports.comparison import (
    COST,
    QUALITY,
    cost,
    differences,
    how_tested,
    quality,
    speeds_in_words,
    warnings,
    which_photos,
)
from pasunchat.reports.confusion import confusion_matrix, seen_in_confusion
from pasunchat.reports.contents import Contents, read_contents
from pasunchat.reports.curves import TITLES, curves, seen_in_curves
from pasunchat.reports.evaluation import (
    EVALUATION,
    accuracy_in_words,
    caption,
    class_cells,
    coin_in_words,
    cure,
    floor_in_words,
    photo_file,
)
from pasunchat.reports.reliability import reliability, seen_in_reliability
from pasunchat.reports.robustness import drawn_extremes, robustness_curve
from pasunchat.reports.robustness_words import (
    attack_captions,
    caveats,
    enough_in_words,
    findings,
    photo_in_words,
)
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.storage import refuse_existing, write_bytes
from pasunchat.training.run import open_run
from pasunchat.words import command, count, duration, listed, percent, share

REPORT, TEMPLATE = "report.html", "report.html.j2"


def write_report(
    run_folder: str | Path, output: str | Path | None = None, *, overwrite: bool = False
) -> Path:
    """Write a run's report, by default as report.html in its folder; returns its path.

    The same run gives the same bytes, except for the lines with times. Raises PasunchatError if
    the folder holds no run, or the file exists and `overwrite` is false.
    """
    run = open_run(run_folder)
    output = Path(output or run.folder / REPORT)
    refuse_existing(output, overwrite=overwrite)
    write_bytes(output, _rendered(read_contents(run)).encode())
    return output


def _rendered(contents: Contents) -> str:
    environment = Environment(
        loader=PackageLoader("pasunchat.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_with_fixed_spaces,
    )
    environment.filters |= {function.__name__: function for function in FILTERS}
    environment.tests |= {"drawn": _is_drawn, "pipe": _is_pipe}
    environment.globals |= GLOBALS
    with styled():
        return environment.get_template(TEMPLATE).render(vars(contents))


def _with_fixed_spaces(value: object) -> object:
    """No line break between a number and its percent sign."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value


def _is_drawn(source: str) -> bool:
    """Whether photos from this source are drawn by the program: "drawn", "drawn:seed=3"."""
    return source.partition(":")[0] == "drawn"


def _is_pipe(at: FooledPhoto) -> bool:
    """Whether the photo is named pipe, like the one in the talk that is neither cat nor dog."""
    return file_name(at.outcome.photo).partition(".")[0] == "pipe"


def file_name(path: str) -> str:
    """A path's last part: "photos/rex.png" is "rex.png"."""
    return Path(path).name


def counted(numbers: dict[str, int]) -> list[str]:
    """Each number before its name: {"heic": 3} is ["3 heic"]."""
    return [f"{count(number)} {name}" for name, number in numbers.items()]


def png_uri(path: Path) -> str:
    """A PNG file, byte for byte, as a data URI."""
    return f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"


def svg_uri(figure: Figure) -> str:
    """A figure as SVG in a data URI. Call it within `styled`."""
    return f"data:image/svg+xml;base64,{b64encode(svg(figure)).decode()}"


# fmt: off
# `count` is the one of pasunchat.words; Jinja's own, which it replaces, is also called `length`
FILTERS: tuple[Callable[..., object], ...] = (
    asdict, median, file_name, counted, count, duration, listed, percent, share,
    png_uri, svg_uri, confusion_matrix, curves, reliability, robustness_curve, tradeoff,
    seen_in_curves, seen_in_confusion, seen_in_reliability,
    accuracy_in_words, floor_in_words, coin_in_words, cure, class_cells, caption,
    which_photos, quality, cost, differences, how_tested, warnings,
    captions, change_in_words, control_in_words, noise_in_words,
    findings, enough_in_words, attack_captions, caveats,
)
# fmt: on
GLOBALS: dict[str, object] = {
    "command": command,
    "log": log,
    "photo_file": photo_file,
    "speeds_in_words": speeds_in_words,
    "drawn_extremes": drawn_extremes,
    "photo_in_words": photo_in_words,
    "EVALUATION": EVALUATION,
    "CURVES": tuple(TITLES),
    "QUALITY": QUALITY,
    "COST": COST,
}
