"""The style of every figure, and how figures become files: the same input, the same bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from pasunchat.pictures.fonts import fonts_for
from pasunchat.storage import write_bytes

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
GREY, INK = "#767676", "#222222"
DOTS_PER_INCH = 144
STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titlepad": 12,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "text.parse_math": False,  # a class may be named $5
    "svg.fonttype": "path",
    "svg.hashsalt": "pasunchat",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
SETTINGS_OF_PLACES = ("backend", "backend_fallback", "interactive")


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in our style, whatever the user's matplotlibrc says."""
    settings: dict[Any, Any] = {
        key: value
        for key, value in matplotlib.rcParamsDefault.items()
        if key not in SETTINGS_OF_PLACES
    }
    with matplotlib.rc_context(settings | STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sides in inches. To be called within `styled`."""
    return Figure(figsize=(width, height), layout="constrained")


def svg(figure: Figure) -> bytes:
    """The figure as SVG, its letters drawn as shapes: it needs no font."""
    _choose_fonts(figure)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    _choose_fonts(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return file.getvalue()


def _choose_fonts(figure: Figure) -> None:
    """Give its texts, which are `drawable`, the fonts that have their letters."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    families = [font.name for font in fonts_for(text.get_text() for text in texts)]
    if len(families) > 1:
        for text in texts:
            text.set_fontfamily(families)


def write_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write NAME.png and NAME.svg, each whole or not at all."""
    written = []
    for ending, data in (("png", png(figure)), ("svg", svg(figure))):
        written.append(folder / f"{name}.{ending}")
        write_bytes(written[-1], data)
    return written
