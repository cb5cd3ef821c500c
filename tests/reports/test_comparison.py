from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.compare import Comparison, Pair
from pasunchat.measures.speed import Timing
from pasunchat.pictures.figures import styled
from pasunchat.reports.comparison import (
    comparison_folder,
    difference,
    differences,
    how_tested,
    p_in_words,
    read_comparison,
    speeds,
    speeds_in_words,
    warnings,
    which_photos,
    write_comparison,
)
from pasunchat.reports.report import write_report
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.training.run import Run

REAL = Pair("residual", "simple", 212, 40, 1e-29, 1e-29)


def test_a_difference_in_a_sentence() -> None:
    assert difference(REAL) == (
        "residual is right on 212 photos that simple gets wrong, and wrong on 40 that simple gets "
        "right; p < 0.001: the difference is real"
    )
    assert difference(Pair("a", "b", 1, 0, 1.0, 1.0)) == (
        "a is right on 1 photo that b gets wrong, and wrong on 0 that b gets right; "
        "p = 1.00: may be chance"
    )
    assert difference(Pair("a", "b", 0, 0, 1.0, 1.0)) == (
        "a and b are right on the very same photos"
    )
    assert difference(Pair("a", "b", 30, 15, 0.03, 0.09)).endswith("p = 0.090: may be chance")


@pytest.mark.parametrize(
    ("p", "words"), [(0.0009, "p < 0.001"), (0.001, "p = 0.001"), (0.31, "p = 0.31")]
)
def test_p_in_words(p: float, words: str) -> None:
    assert p_in_words(p) == words


def test_of_many_pairs_only_those_with_the_best_are_listed(comparison: Comparison) -> None:
    assert len(differences(comparison)) == 3
    assert how_tested(comparison).endswith("corrected by Holm's method for 3 pairs")
    names = ("residual", "a", "b", "c")
    pairs = tuple(
        Pair(one, two, 2, 1, 1.0, 1.0) for at, one in enumerate(names) for two in names[at + 1 :]
    )
    many = replace(comparison, pairs=(*pairs, Pair("c", "d", 2, 1, 1.0, 1.0)))
    assert len(differences(many)) == 3
    assert how_tested(many).endswith("for 7 pairs, all of them in comparison.json")
    alone = replace(comparison, pairs=(REAL,))
    assert how_tested(alone) == "p by McNemar's exact test"


def test_what_may_mislead_gives_a_warning(comparison: Comparison) -> None:
    assert warnings(comparison) == []
    other_data = replace(comparison.models[0], trained_here=False)
    odd = replace(comparison, left_out=3, models=(other_data, *comparison.models[1:]))
    first, second = warnings(odd)
    assert first.startswith("tiny learnt from another dataset")
    assert second == "3 photos left out: not in every dataset"


def test_which_photos(comparison: Comparison) -> None:
    assert which_photos(comparison) == "100 test photos"
    assert which_photos(replace(comparison, split="all", photos=1)) == "1 photo"


def test_speeds_in_the_order_of_names(timing: Timing) -> None:
    assert speeds(timing, ["simple", "tiny", "residual"]) == ["687", "4,734", "3.2"]
    assert speeds_in_words(timing, ["tiny", "residual"]) == (
        "Photos a second when it was measured (cpu, 2 threads): tiny 4,734 and residual 3.2."
    )


def test_a_comparison_is_written_whole_and_read_again(
    comparison: Comparison, timing: Timing, run: Run
) -> None:
    assert read_comparison(run.folder) is None
    files = write_comparison(run.folder / "comparison", comparison, timing)
    assert [file.name for file in files] == [
        "comparison.json", "comparison.png", "comparison.svg", "timing.json",
    ]  # fmt: skip
    assert read_comparison(run.folder) == (comparison, timing)
    with pytest.raises(PasunchatError, match="exists already"):
        write_comparison(run.folder / "comparison", comparison, timing)


def test_where_it_goes(classifier: Classifier, run: Run, tmp_path: Path) -> None:
    assert comparison_folder(classifier) == run.folder / "comparison"
    assert comparison_folder(classifier, tmp_path / "new") == tmp_path / "new"
    (tmp_path / "photos").mkdir()
    with pytest.raises(PasunchatError, match="is no comparison"):
        comparison_folder(classifier, tmp_path / "photos", overwrite=True)
    classifier.origin = None
    with pytest.raises(PasunchatError, match="--output"):
        comparison_folder(classifier)


def test_the_figure_names_every_point_and_parts_equal_ones(comparison: Comparison) -> None:
    with styled():
        (axes,) = tradeoff(comparison).axes
    assert {text.get_text() for text in axes.texts} == {
        "tiny  60.0 %", "simple  80.0 %", "residual  97.0 %",
    }  # fmt: skip
    tiny, simple, residual = (text.xy[0] for text in sorted(axes.texts, key=lambda t: t.xy[1]))
    assert tiny == pytest.approx(1_536)
    assert simple < 57_827_840 < residual
    assert "side by side" in axes.get_xlabel()


def test_names_in_the_figure_never_touch(comparison: Comparison) -> None:
    one = comparison.models[0]
    close = tuple(replace(one, name=f"m{place}") for place in range(12))
    with styled():
        (axes,) = tradeoff(replace(comparison, models=close)).axes
    heights = sorted(text.xyann[1] for text in axes.texts)
    assert all(0 <= height <= 1 for height in heights)
    assert min(b - a for a, b in pairwise(heights)) > 0.05


def test_work_that_is_not_known_is_drawn_too(
    comparison: Comparison, timing: Timing, tmp_path: Path
) -> None:
    models = tuple(replace(model, multiply_adds=0) for model in comparison.models)
    unknown = replace(comparison, models=models)
    assert len(write_comparison(tmp_path / "new", unknown, timing)) == 4


def test_the_report_shows_a_comparison_with_this_classifier_only(
    comparison: Comparison, timing: Timing, run: Run
) -> None:
    assert "How does it compare?" not in write_report(run.folder).read_text()
    write_comparison(run.folder / "comparison", comparison, timing)
    page = unescape(write_report(run.folder, overwrite=True).read_text()).replace("\u00a0", " ")
    for words in (
        "<h2>How does it compare?</h2>",
        "the same 100 test photos",
        "tiny (this run)",
        "57,827,840",
        f"<li>{difference(REAL)}.</li>",
        "corrected by Holm's method for 3 pairs.",
        "(cpu, 2 threads): tiny 4,734, simple 687 and residual 3.2.",
    ):
        assert words in page
    others = replace(comparison, models=comparison.models[1:])
    write_comparison(run.folder / "comparison", others, timing, overwrite=True)
    assert "How does it compare?" not in write_report(run.folder, overwrite=True).read_text()


def test_a_second_comparison_changes_one_line_of_the_report(
    comparison: Comparison, timing: Timing, run: Run
) -> None:
    write_comparison(run.folder / "comparison", comparison, timing)
    first = write_report(run.folder).read_text().splitlines()
    slower = replace(timing, photos_per_second=dict.fromkeys(timing.photos_per_second, 5.0))
    write_comparison(run.folder / "comparison", comparison, slower, overwrite=True)
    second = write_report(run.folder, overwrite=True).read_text().splitlines()
    changed = [new for old, new in zip(first, second, strict=True) if old != new]
    assert len(changed) == 1 and "Photos a second" in changed[0]
    (run.folder / "comparison" / "timing.json").unlink()
    assert "Photos a second" not in write_report(run.folder, overwrite=True).read_text()
