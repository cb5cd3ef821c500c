"""Letters that no font here has, and a font that has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from pasunchat.pictures import fonts

FOREIGN = "\U0001f408猫"  # no font of Matplotlib's has them
EM = 1000


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Such letters, whatever fonts the machine has."""
    fonts.font_of.cache_clear()
    monkeypatch.setattr(fonts, "others", list)
    yield FOREIGN
    fonts.font_of.cache_clear()


@pytest.fixture
def with_font(foreign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A font in which each of them is a black square of 1 em, known to Matplotlib."""
    path = tmp_path / "squares.ttf"
    square_font(path, foreign)
    before = list(fontManager.ttflist)
    fontManager.addfont(path)
    monkeypatch.setattr(fonts, "others", lambda: [fonts.Font("Squares", path)])
    yield path
    fontManager.ttflist[:] = before
    fontManager._findfont_cached.cache_clear()


def square_font(path: Path, letters: str) -> None:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, EM), (EM, EM), (EM, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"u{ord(each):X}" for each in letters)]
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (EM, 0)))
    builder.setupHorizontalHeader(ascent=EM, descent=0)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=EM, usWinAscent=EM)
    builder.setupPost()
    builder.save(path)
