"""What the report's sections are made of: tables, commands, and pictures inside the file itself,
so that it needs no other file and no network."""

import shlex
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from pasunchat.pictures.figures import styled, svg


@dataclass(frozen=True)
class Table:
    """headings, and rows of as many cells. summed: whether the last row is the sum."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    summed: bool = False


@dataclass(frozen=True)
class Picture:
    """source: a data URI. alt: what is on it, for those who do not see it. caption: the words
    under or over it."""

    source: str
    alt: str
    caption: str = ""


def command(*words: str | Path) -> str:
    """A command line of ours that can be copied: words with spaces are quoted."""
    return " ".join(("pasunchat", *(shlex.quote(str(word)) for word in words)))


def embedded_figure(draw: Callable[[], Figure], alt: str, caption: str = "") -> Picture:
    """A figure as SVG; `draw` is called within our style."""
    with styled():
        data = svg(draw())
    return Picture(_data_uri("image/svg+xml", data), alt, caption)


def embedded_png(path: Path, alt: str, caption: str) -> Picture:
    """A PNG file, byte for byte."""
    return Picture(_data_uri("image/png", path.read_bytes()), alt, caption)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"
