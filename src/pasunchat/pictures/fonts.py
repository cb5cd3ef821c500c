"""Which fonts draw which letters.

DejaVu Sans, as Matplotlib brings it, so that pictures are the same on every machine; for letters
that it lacks, other fonts of this machine; and for those that none has, their codes, as U+732B.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

BASE = "DejaVu Sans"
PLACEHOLDERS = "Last Resort"  # a font that draws every letter as a box


class Font(NamedTuple):
    """A font of this machine."""

    name: str  # of its family, as Matplotlib knows it
    file: Path


@cache
def base() -> Font:
    """DejaVu Sans."""
    import matplotlib

    return Font(BASE, Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


def drawable(text: str) -> str:
    """The text, with codes for the letters that no font here has."""
    if text.isascii():
        return text
    return "".join(f"U+{ord(each):04X}" if font_of(each) is None else each for each in text)


def without_font(texts: Iterable[str]) -> str:
    """The letters of some texts that no font here has, each once."""
    letters = sorted({each for text in texts if not text.isascii() for each in text})
    return "".join(each for each in letters if font_of(each) is None)


def fonts_for(texts: Iterable[str]) -> list[Font]:
    """DejaVu Sans, and the other fonts that some texts need, by name."""
    letters = {each for text in texts if not text.isascii() for each in text}
    found = {font for font in map(font_of, letters) if font is not None}
    return [base(), *sorted(found - {base()})]


def runs(text: str) -> list[tuple[Font, str]]:
    """A drawable text in parts, each with the font that has its letters."""
    parts: list[tuple[Font, str]] = []
    for each in text:
        font = base() if each.isascii() else font_of(each) or base()
        if parts and parts[-1][0] == font:
            parts[-1] = (font, parts[-1][1] + each)
        else:
            parts.append((font, each))
    return parts


@cache
def font_of(letter: str) -> Font | None:
    """The first font that has a letter: DejaVu Sans, else by name; None if none has. What is no
    letter, as a joiner or a line break, needs none and counts as DejaVu Sans's."""
    if not letter.isprintable() or _has(base().file, letter):
        return base()
    return next((font for font in others() if _has(font.file, letter)), None)


@cache
def others() -> Sequence[Font]:
    """The upright fonts of this machine of normal weight, by name."""
    from matplotlib.font_manager import fontManager

    found = {
        Font(entry.name, Path(entry.fname))
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and str(entry.weight) in ("400", "normal", "regular")
        and not entry.name.startswith(PLACEHOLDERS)
    }
    return sorted(found)


@cache
def _has(file: Path, letter: str) -> bool:
    try:
        return _opened(file).get_char_index(ord(letter)) != 0
    except (OSError, RuntimeError):  # a damaged font, or one that has gone
        return False


@cache
def _opened(file: Path) -> "FT2Font":
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(file))
