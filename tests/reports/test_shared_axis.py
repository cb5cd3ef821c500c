"""Several classifiers on one axis: the table, its sentences, the figure, and the report."""

from dataclasses import replace
from html import unescape

import pytest

from pasunchat.certificates.certify import CERTIFICATES, Asked
from pasunchat.measures.compare import Comparison
from pasunchat.measures.robust_accuracy import CurvePoint
from pasunchat.measures.shared_axis import OnAxis, PhotoGap, SharedAxis, ShownByAttack
from pasunchat.measures.speed import Timing
from pasunchat.pictures.figures import styled
from pasunchat.reports.comparison import read_axes, write_comparison
from pasunchat.reports.report import write_report
from pasunchat.reports.shared_axis import (
    attack_commands,
    axis_sentences,
    norms_apart,
    shared_axis_figure,
    shared_cells,
    shared_headings,
    shared_radii,
    widest_gaps,
)
from pasunchat.story.wording import Words
from pasunchat.training.run import Run

LEVEL = 1 / 255


def curve(*points: tuple[float, float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(levels * LEVEL, share) for levels, share in points)


WIDEST = (
    PhotoGap("tiny", "a.png", "cat", 0.5 * LEVEL, None),
    PhotoGap("tiny", "b.png", "dog", 0.0, 2 * LEVEL),
)
ATTACK = ShownByAttack("turning", "normal", 256, curve((0, 0.9), (1, 0.6), (2, 0.0)), (), WIDEST)
TINY = OnAxis("tiny", "bounds", Asked("linf"), curve((0, 0.9), (0.5, 0.8), (1, 0.2)), ATTACK)
SIMPLE = OnAxis("simple", "bounds", Asked("linf"), curve((0, 0.8), (0.3, 0.4)), None)


@pytest.fixture
def axis() -> SharedAxis:
    return SharedAxis("linf", "test", 10, 10, (TINY, SIMPLE), ("residual",))


def test_each_cell_says_at_least_and_at_most(axis: SharedAxis) -> None:
    assert shared_radii(axis) == pytest.approx([0, 0.2 * LEVEL, 0.5 * LEVEL, LEVEL])
    assert shared_headings(axis) == (
        "model", "no change", "0.2 of 255 levels", "0.5 of 255 levels", "1 of 255 levels",
    )  # fmt: skip
    assert shared_cells(axis) == [
        ("tiny", "90.0 %", "80.0 % to 90.0 %", "80.0 % to 90.0 %", "20.0 % to 60.0 %"),
        ("simple", "80.0 %", "40.0 % or more", "0 % or more", "0 % or more"),
    ]


def test_the_table_stays_narrow_and_has_something_proved_of_each(axis: SharedAxis) -> None:
    ends = (0.03, 0.3, 3.0, 30.0)
    models = tuple(
        replace(SIMPLE, name=f"m{end}", proved=curve((0, 0.9), (end, 0.5))) for end in ends
    )
    radii = shared_radii(replace(axis, models=models))
    assert radii[0] == 0 and len(radii) == 4 and radii == sorted(radii)
    assert radii[1] <= 0.03 * LEVEL and 10 * LEVEL <= radii[-1] <= 30 * LEVEL
    nothing = replace(SIMPLE, proved=curve((0, 0.9)))
    assert shared_radii(replace(axis, models=(nothing,))) == [0]
    assert len(shared_radii(replace(axis, models=(replace(nothing, shown=ATTACK),)))) > 1


def test_where_both_meet_it_is_one_share(axis: SharedAxis) -> None:
    met = replace(TINY, proved=curve((0, 0.9), (1, 0.6)))
    (row,) = shared_cells(replace(axis, models=(met,)))
    assert row[-1] == "60.0 %"


def test_a_radius_that_was_asked_for_is_in_the_table(axis: SharedAxis) -> None:
    asked = replace(SIMPLE, asked=Asked("linf", 0.3 * LEVEL))
    assert 0.3 * LEVEL in shared_radii(replace(axis, models=(TINY, asked)))


def test_how_each_was_proved_and_what_is_missing(axis: SharedAxis) -> None:
    tiny, simple, without = axis_sentences(axis)
    assert "of the classifier as it is" in tiny and "attacked by turning, effort normal" in tiny
    assert "no attack on the same photos" in simple
    assert without == "No certificate on these photos: residual"
    assert attack_commands(axis, {"simple": "runs/simple"}) == [
        "pasunchat attack runs/simple --data DATA --norm linf --limit 10"
    ]


def test_what_may_mislead_is_said(axis: SharedAxis) -> None:
    other = replace(ATTACK, effort="quick")
    said = axis_sentences(replace(axis, models=(TINY, replace(SIMPLE, shown=other))))
    assert any("differ" in sentence for sentence in said)
    nothing = replace(SIMPLE, proved=curve((0, 0.8)))
    assert any("next to nothing" in s for s in axis_sentences(replace(axis, models=(nothing,))))
    wrong = replace(TINY, shown=replace(ATTACK, wrong=("rex.png",)))
    said = axis_sentences(replace(axis, models=(wrong,)))
    assert "on rex.png a change within the proved radius" in said[-1]
    assert norms_apart([axis]) == [] and len(norms_apart([axis, axis])) == 1


def test_the_photos_of_which_least_is_known_are_named_with_their_models(axis: SharedAxis) -> None:
    wide = tuple(
        PhotoGap("simple", f"{at}.png", "cat", 0.0, (3 + at) * LEVEL) for at in range(5)
    )  # fmt: skip
    other = replace(SIMPLE, shown=replace(ATTACK, widest=wide))
    said = widest_gaps(replace(axis, models=(TINY, other)))
    assert [line.split(",")[0] for line in said] == [
        "tiny: a.png", "simple: 4.png", "simple: 3.png", "simple: 2.png", "simple: 1.png",
    ]  # fmt: skip
    assert "no attack found a change that does" in said[0]
    assert widest_gaps(replace(axis, models=(SIMPLE,))) == []


def test_patches_are_no_norm_of_an_attack(axis: SharedAxis) -> None:
    assert attack_commands(replace(axis, norm="patch"), {"simple": "simple"}) == []


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_method_has_its_words(lang: str) -> None:
    assert {f"axis_{name}" for name in CERTIFICATES} <= Words(lang, "report").table.keys()


def test_the_figure_has_a_panel_each_on_the_same_axis(axis: SharedAxis) -> None:
    with styled():
        figure = shared_axis_figure(axis)
    tiny, simple = figure.axes
    assert tiny.get_xlim() == simple.get_xlim() and tiny.get_ylim() == simple.get_ylim()
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["tiny", "simple"]
    under_attack, at_least = tiny.lines
    assert at_least.get_ydata()[0] == 0.8 and under_attack.get_ydata()[0] == 0.9
    assert len(simple.lines) == 1  # no line of an attack that was not run
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "not known", "right under the attack (at most)", "proved (at least)",
    ]  # fmt: skip


def test_without_an_attack_all_below_what_is_right_is_not_known(axis: SharedAxis) -> None:
    with styled():
        figure = shared_axis_figure(replace(axis, models=(SIMPLE,)))
    unknown = figure.axes[0].collections[0]
    assert unknown.get_label() == "not known"
    assert unknown.get_paths()[0].get_extents().ymax == pytest.approx(0.8)


def test_the_report_shows_the_axes_of_its_comparison(
    axis: SharedAxis, comparison: Comparison, timing: Timing, run: Run
) -> None:
    folder = run.folder / "comparison"
    names = {file.name for file in write_comparison(folder, comparison, timing, [axis])}
    assert {"proved.json", "proved-linf.png", "proved-linf.svg"} <= names
    assert read_axes(run.folder) == [axis]
    page = unescape(write_report(run.folder).read_text()).replace("\u00a0", " ")
    for words in (
        "What is proved of each?",
        "80.0 % to 90.0 %",
        *axis_sentences(axis),
        *widest_gaps(axis),
    ):
        assert words in page
    write_comparison(folder, comparison, timing, overwrite=True)
    assert read_axes(run.folder) == []
    page = write_report(run.folder, overwrite=True).read_text()
    assert "What is proved of each?" not in page
