"""What is proved and what is shown: sentences, the axis, its table, its section of the report."""

from dataclasses import replace
from html import unescape
from math import inf

import pytest

from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.certify import CERTIFICATES, Asked
from pasunchat.classifiers.classifier import Classifier
from pasunchat.measures.certified import Certified
from pasunchat.measures.gaps import Beside, Gap
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.photos.dataset import Dataset
from pasunchat.pictures.figures import styled
from pasunchat.reports.certified import (
    ProvedAndShown,
    attack_command,
    axis_cells,
    axis_figure,
    certificate_folder,
    verify_command,
)
from pasunchat.reports.certified_words import (
    gap_findings,
    proved_in_words,
    size_in_words,
    widest_cells,
    widest_in_words,
)
from pasunchat.reports.report import write_report
from pasunchat.storage import write_json
from pasunchat.story.wording import Words
from pasunchat.training.run import Run

FRENCH = Words("fr", "report")
LEVEL = 1 / 255


def with_gaps(proved: ProvedAndShown, *gaps: Gap) -> Beside:
    assert proved.beside
    return replace(proved.beside, gaps=gaps)


def values(proved: ProvedAndShown) -> tuple[Certified, Robustness]:
    assert proved.beside
    return proved.certified, proved.beside.attack


def test_the_proved_line_never_lies_above_the_one_under_attack(proved: ProvedAndShown) -> None:
    certified, attack = values(proved)
    assert certified.proved
    with styled():
        (axes,) = axis_figure(certified, attack).axes
    under_attack, at_least = axes.lines
    assert at_least.get_ydata()[0] <= under_attack.get_ydata()[0] == certified.accuracy
    assert at_least.get_ydata()[-1] == 0
    for radius in (0.1 * LEVEL, 0.5 * LEVEL, LEVEL, 4 * LEVEL):
        assert certified.accuracy_at(radius).accuracy <= attack.accuracy_within(radius)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["not known", "right under the attack (at most)", "proved (at least)"]


def test_without_an_attack_nothing_is_shaded(proved: ProvedAndShown) -> None:
    with styled():
        (axes,) = axis_figure(proved.certified, None, FRENCH).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["prouvées (au moins)"]
    assert "niveaux" in axes.get_xlabel()


def test_the_table_s_rows_are_those_of_the_curves(proved: ProvedAndShown) -> None:
    certified, attack = values(proved)
    rows = axis_cells(certified, attack)
    assert rows[0][0] == "no change" and rows[0][1] == rows[0][2]
    assert len(rows) > 2 and len({row[0] for row in rows}) == len(rows)
    for row in rows:
        shares = [float(cell.split(" ")[0]) for cell in row[1:] if "of" not in cell]
        if len(shares) == 3:
            assert shares[1] - shares[0] == pytest.approx(shares[2], abs=0.11)
    assert axis_cells(certified, None)[0] == rows[0][:2]
    asked = replace(certified, info=replace(certified.info, asked=Asked("linf", LEVEL)))
    assert [row[0] for row in axis_cells(asked, None)] == ["no change", "1 of 255 levels"]


def test_what_is_proved_in_sentences(proved: ProvedAndShown) -> None:
    certified = proved.certified
    said = " ".join(proved_in_words(certified))
    assert f"For {certified.proved} of these {certified.right} it is proved" in said
    assert "of the classifier as it is" in said and "deep" not in said
    info = replace(certified.info, asked=Asked("linf", LEVEL))
    assert "no change of 1 of 255 levels or less" in " ".join(
        proved_in_words(replace(certified, info=info))
    )
    nothing = replace(certified, proved=0, median=None)
    assert "next to nothing" in " ".join(proved_in_words(nothing))
    votes = replace(nothing, abstained=1, info=replace(certified.info, method="votes"))
    said = " ".join(proved_in_words(votes))
    assert "On 1 photo too few votes agree" in said and "probability of 99.9 % or more" in said


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_method_and_norm_of_certificates_has_its_words(lang: str) -> None:
    table = Words(lang, "report").table
    for name, method in CERTIFICATES.items():
        assert {f"prf_by_{name}", f"prf_of_{name}", f"size_{method.norm}"} <= table.keys()


def test_a_size_of_each_kind_in_words() -> None:
    assert size_in_words("patch", 0.02) == "2 % of the area"
    assert size_in_words("linf", LEVEL / 4) == "0.25 of 255 levels"
    assert size_in_words("linf", LEVEL / 4, FRENCH) == "0,25 niveau sur 255"


def test_the_other_side_is_an_attack_in_the_norm_if_there_is_one(proved: ProvedAndShown) -> None:
    assert "--norm linf" in str(attack_command(proved.certified, "runs/mine"))
    assert attack_command(replace(proved.certified, norm="patch"), "runs/mine") is None


def test_the_gap_in_words(proved: ProvedAndShown) -> None:
    beside = with_gaps(
        proved, Gap("a.png", "cat", LEVEL, inf), Gap("b.png", "dog", 0.0, 2 * LEVEL),
        Gap("c.png", "dog", LEVEL, 2 * LEVEL),
    )  # fmt: skip
    assert widest_in_words(beside, "linf") == [
        "a.png, cat: no change up to 1 of 255 levels fools it (proved); no attack found a change "
        "that does",
        "b.png, dog: nothing is proved; one of 2 of 255 levels does (shown)",
        "c.png, dog: no change up to 1 of 255 levels fools it (proved); one of 2 of 255 levels "
        "does (shown)",
    ]
    assert widest_cells(beside, "linf") == [
        ("a.png", "1 of 255 levels", "not found"), ("b.png", "nothing", "2 of 255 levels"),
        ("c.png", "1 of 255 levels", "2 of 255 levels"),
    ]  # fmt: skip
    (half,) = gap_findings(proved.certified, beside)
    assert "fools 2 of the same photos" in half and "50.0 %" in half


def test_of_one_radius_it_is_said_of_how_many_photos_nothing_is_known(
    proved: ProvedAndShown,
) -> None:
    info = replace(proved.certified.info, asked=Asked("linf", LEVEL))
    beside = with_gaps(
        proved, Gap("a.png", "cat", LEVEL, inf), Gap("b.png", "dog", 0.0, LEVEL),
        Gap("c.png", "dog", 0.0, 2 * LEVEL), Gap("d.png", "dog", 0.0, inf),
    )  # fmt: skip
    (said,) = gap_findings(replace(proved.certified, info=info), beside)
    assert "Of the 4 photos" in said and "1 proved at this size, 1 fooled within it" in said
    assert said.endswith("2 not known.")


def test_a_change_within_what_is_proved_is_said_to_be_a_fault(proved: ProvedAndShown) -> None:
    beside = with_gaps(proved, Gap("a.png", "cat", 2 * LEVEL, LEVEL))
    assert (
        "On 1 photo a change within the proved radius" in gap_findings(proved.certified, beside)[-1]
    )
    assert "a.png" in gap_findings(proved.certified, beside, FRENCH)[-1]


def test_where_it_goes(classifier: Classifier, dataset: Dataset, run: Run) -> None:
    asked = Asked(radius=0.5 / 255, effort="quick", seed=3)
    folder = certificate_folder(classifier, dataset, asked, "all", 8)
    name = "linf-quick-radius-0.5_255-all-limit-8-seed-3"
    assert folder == run.folder / "certificate" / name
    assert certificate_folder(classifier, dataset, Asked("linf"), "test", None).name == "linf"
    classifier.origin, classifier.known_as = None, "simple"
    assert str(certificate_folder(classifier, dataset, Asked(), "test", None)) == (
        "certificate/simple-linf"
    )


def page(run: Run) -> str:
    text = unescape(write_report(run.folder, overwrite=True).read_text())
    return text.replace("\u00a0", " ")


def test_the_report_shows_what_is_proved_of_this_classifier_only(
    proved: ProvedAndShown, run: Run
) -> None:
    text = page(run)
    assert proved.beside
    for words in (
        "<h2>What is proved?</h2>", *proved_in_words(proved.certified),
        *gap_findings(proved.certified, proved.beside), "<i>Proved</i>", "<i>Shown</i>",
        "Where least is known", verify_command(proved),
    ):  # fmt: skip
        assert words in text
    assert verify_command(proved) == "pasunchat verify certificate/linf/receipts/*.png"
    for name in proved.beside.gaps[:5]:
        assert name.name in text
    info = replace(proved.certified.info, classifier="0" * 64)
    other = proved.folder.with_name("other") / "certificate.json"
    write_json(other, replace(proved.certified, info=info))
    assert "Left out: 1 certificate of other weights than these." in page(run)
    (proved.folder / "certificate.json").unlink()
    assert 'id="proved"' not in page(run)


def test_an_attack_on_other_photos_is_not_drawn_beside(proved: ProvedAndShown, run: Run) -> None:
    """And the command that makes one on the same is said."""
    certified = proved.certified
    other = replace(certified, info=replace(certified.info, limit=7))
    write_json(proved.folder / "certificate.json", other)
    text = page(run)
    assert "nothing is shown" in text
    assert f"pasunchat attack {run.folder.name} --data DATA --norm linf --limit 7" in text
    assert 'scope="col">not known' not in text


def test_where_nothing_is_proved_the_line_lies_on_the_ground(proved: ProvedAndShown) -> None:
    certified = proved.certified
    photos = tuple(replace(at, proof=Proof.NOT_PROVED, radius=0.0) for at in certified.certified)
    none = replace(certified, certified=photos, curve=certified.curve[:1], proved=0)
    assert [row[0] for row in axis_cells(none, None)] == ["no change"]
    with styled():
        (axes,) = axis_figure(none, None).axes
    assert set(axes.lines[0].get_ydata()) == {0.0}
