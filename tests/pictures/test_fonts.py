"""Which fonts draw which letters."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from pasunchat.pictures import fonts
from pasunchat.pictures.figures import new_figure, png, styled, svg

ODD = ("$5_a^$ note", "\\frac{a}", "<b>cat</b>", "[red]cat[/red]", "cat & dog", "100$")


def figure(*names: str) -> Figure:
    made = new_figure(4, 3)
    axes = made.subplots()
    axes.set_xticks(range(len(names)), names)
    axes.set_title(names[0])
    return made


def test_the_base_font_is_enough_for_many_scripts() -> None:
    for text in ("cat", "café", "кошка", "γάτα", "חתול", "قطة"):
        assert fonts.drawable(text) == text and fonts.without_font([text]) == ""
        assert fonts.fonts_for([text]) == [fonts.base()]


def test_letters_of_no_font_become_codes(foreign: str) -> None:
    assert fonts.drawable("a猫b") == "aU+732Bb"
    assert fonts.without_font(["cat", foreign, foreign]) == "".join(sorted(foreign))


def test_letters_of_another_font_stay(foreign: str, with_font: Path) -> None:
    assert fonts.drawable(foreign) == foreign and fonts.without_font([foreign]) == ""
    assert [font.name for font in fonts.fonts_for(["cat", foreign])] == ["DejaVu Sans", "Squares"]
    assert [part for _, part in fonts.runs(f"a{foreign}b")] == ["a", foreign, "b"]


@pytest.mark.parametrize("name", ODD)
def test_names_are_drawn_as_they_are(name: str) -> None:
    """Warnings are errors here; mathtext would raise."""
    with styled():
        made = figure(name, "dog")
        assert png(made) and svg(made)
        assert name in [label.get_text() for label in made.axes[0].get_xticklabels()]


def test_figures_take_the_fonts_that_names_need(foreign: str, with_font: Path) -> None:
    with styled():
        made = figure(foreign, "dog")
        assert svg(made) and png(made)  # a warning, of a letter without a font, would be an error
        (label, _) = made.axes[0].get_xticklabels()
        assert label.get_fontfamily() == ["DejaVu Sans", "Squares"]
