"""What an attack on a split leaves: sentences, curve, pictures, and its section of the report."""

import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from pasunchat.attacks.fool import Request
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import AttackRunInfo, Robustness, robustness
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import open_photo
from pasunchat.pictures.figures import styled
from pasunchat.reports.report import write_report
from pasunchat.reports.robustness import attack_folder, draw_robustness, robustness_curve
from pasunchat.reports.robustness_words import (
    attack_captions,
    caveats,
    enough_in_words,
    findings,
    photo_in_words,
)
from pasunchat.storage import write_json
from pasunchat.training.run import Run

INFO = AttackRunInfo(
    classifier="c", dataset="d", split="test", limit=None, photos=4,
    request=Request("turning").info(), block=16, version="0",
)  # fmt: skip
FOOLED = AttackedPhoto(
    row=0, name="cat/0.png", real="cat", before="cat", confidence_before=0.83, after="dog",
    confidence=0.51, status=Status.REACHED, fooled=True, distance=0.5, l2=0.5, levels=1.0, l1=3.0,
    l0=9, pixels=4, margin=0.1, forwards=20, backwards=8, picture="cat_0.png",
)  # fmt: skip
ROBUST = replace(
    FOOLED, row=1, fooled=False, status=Status.NOT_REACHED, after="cat", margin=-1.0, levels=8.0
)
MISREAD = replace(
    FOOLED, row=2, real="dog", fooled=False, status=Status.ALREADY_WRONG, after="cat", distance=0.0
)


def found(*photos: AttackedPhoto, split: str = "test", **requested: object) -> Robustness:
    """What follows from photos. requested: fields of the request that differ."""
    info = replace(INFO, split=split, request=replace(INFO.request, **requested))
    return robustness(info, ("cat", "dog"), photos, "runs/simple")


def within(distance: float) -> AttackedPhoto:
    """FOOLED, by a change of another size."""
    return replace(FOOLED, distance=distance, l2=distance)


@pytest.mark.parametrize(
    ("norm", "distance", "words"),
    [
        ("l2", 0.4, "L2 0.400"), ("l2", 1.2249, "L2 1.22"), ("l2", 322.54, "L2 323"),
        ("l1", 0.0975, "L1 0.0975"), ("linf", 2 / 255, "2 of 255 levels"),
        ("linf", 0.001, "0.255 of 255 levels"), ("l0", 1, "1 value"),
        ("pixels", 1200, "1,200 pixels"),
    ],
)  # fmt: skip
def test_a_size_in_words(norm: str, distance: float, words: str) -> None:
    assert found(FOOLED, norm=norm).norm.in_words(distance) == words


def test_what_was_found_in_sentences() -> None:
    assert findings(found(FOOLED, ROBUST, MISREAD, within(0.7))) == [
        "Without any change 75.0 % of 4 test photos are read rightly.",
        "The attack “turning” fools 2 of these 3; 25.0 % of all stay right.",
        "Half of all are misread within L2 0.500.",
    ]
    assert findings(found(FOOLED, ROBUST, split="all", radius=0.6)) == [
        "Without any change all 2 photos are read rightly.",
        "The attack “turning” inside L2 0.600 fools 1 of these 2; 50.0 % of all stay right.",
    ]
    assert findings(found(ROBUST))[-1] == "Less than half of all were brought to be misread."
    assert findings(found(MISREAD, FOOLED))[-1] == "Half of all or more are misread as they are."
    flat = replace(ROBUST, status=Status.NO_GRADIENT)
    assert "On 1 photo the classifier gave no gradient" in findings(found(flat, FOOLED))[-1]


def test_without_a_photo_to_attack_there_is_no_sentence_about_an_attack() -> None:
    nothing = found(MISREAD)
    assert findings(nothing) == ["Without any change 0 % of 1 test photo is read rightly."]


def test_how_little_is_enough() -> None:
    both = found(FOOLED, within(0.7), ROBUST, MISREAD)
    assert enough_in_words(both) == [
        ("25 %", "misread as they are"), ("50 %", "L2 0.500"), ("75 %", "L2 0.700"),
        ("90 %", "not found"), ("all", "not found"),
    ]  # fmt: skip


def test_what_the_findings_do_not_show() -> None:
    assert len(caveats(found(FOOLED))) == 1
    two = caveats(found(FOOLED, radius=0.5, confidence=0.95))
    assert "inside its radius" in two[1] and "95 % or more" in two[2]


def test_one_photo_in_words() -> None:
    assert photo_in_words(found(FOOLED), FOOLED) == (
        "cat/0.png, really cat: read as dog after L2 0.500"
    )
    eight = replace(ROBUST, distance=8 / 255)
    assert photo_in_words(found(eight, norm="linf"), eight) == (
        "cat/0.png, really cat: not fooled; the closest try is 8 of 255 levels"
    )


def test_a_photo_without_any_try_in_words() -> None:
    nothing = replace(ROBUST, levels=0.0)
    assert photo_in_words(found(nothing), nothing) == "cat/0.png, really cat: not fooled"


def test_the_row_s_captions() -> None:
    assert attack_captions(FOOLED) == ("Initial cat at 83 %", "+ 0.004x", "= dog at 51 %")
    still = replace(ROBUST, levels=0.0)
    assert attack_captions(still) == ("Initial cat at 83 %", "+ nothing", "= still cat at 51 %")


def test_the_curve_starts_at_the_accuracy_and_steps_down_at_each_photo() -> None:
    with styled():
        (axes,) = robustness_curve(found(FOOLED, within(0.7), ROBUST, MISREAD)).axes
    line = axes.lines[0]
    assert line.get_drawstyle() == "steps-post"
    assert list(line.get_xdata())[:3] == [0, 0.5, 0.7]
    assert list(line.get_ydata()) == [0.75, 0.5, 0.25, 0.25]
    assert [text.get_text() for text in axes.texts] == ["half: L2 0.500"]
    assert "4 photos" in axes.get_title(loc="left")


def test_the_curve_of_the_largest_change_counts_whole_levels() -> None:
    photos = [replace(within(k / 255), row=k) for k in range(1, 5)]
    with styled():
        (axes,) = robustness_curve(found(*photos, norm="linf")).axes
    assert list(axes.lines[0].get_xdata())[:5] == pytest.approx([0, 1, 2, 3, 4])
    assert all(tick == round(tick) for tick in axes.get_xticks())
    assert "levels of 255" in axes.get_xlabel()


@pytest.mark.parametrize("photos", [(MISREAD,), (ROBUST,)])
def test_a_curve_that_never_falls_is_drawn_too(photos: tuple[AttackedPhoto, ...]) -> None:
    with styled():
        (axes,) = robustness_curve(found(*photos)).axes
    assert axes.get_xlim()[1] > 0


def test_the_curve_ends_after_the_last_photo_or_at_the_radius() -> None:
    with styled():
        ends = [
            robustness_curve(found(within(distance), **requested)).axes[0].get_xlim()[1]
            for distance, requested in (
                (0.5, {}),
                (1 / 255, {"norm": "linf"}),
                (0.5, {"radius": 0.75}),
                (1 / 255, {"norm": "linf", "radius": 4 / 255}),
            )
        ]
    assert ends == pytest.approx([0.53, 1.5, 0.75, 4.0])


def test_where_it_goes(classifier: Classifier, dataset: Dataset, run: Run) -> None:
    folder = attack_folder(classifier, dataset, ["pgd:steps=9", "linf", "within-4/255"])
    assert folder == run.folder / "attack" / "pgd_steps_9-linf-within-4_255"
    other = replace(dataset, facts=replace(dataset.facts, digest="e" * 64))
    assert attack_folder(classifier, other, ["best", "l2"]).name == "best-l2-eeeeeeee"
    classifier.origin = None
    classifier.known_as = "simple"
    here = attack_folder(classifier, dataset, ["best", "l2"])
    assert here == Path("attack") / "simple-best-l2"


def test_both_extremes_are_kept_as_photo_noise_picture_and_row(
    attacked: tuple[Path, Robustness], dataset: Dataset
) -> None:
    folder, robust = attacked
    for name, photo in (("fragile", robust.most_fragile), ("stubborn", robust.most_stubborn)):
        assert photo is not None
        files = {path.name for path in (folder / name).iterdir()}
        assert files == {"photo.png", "noise.png", "picture.png", "row.png"}
        before = np.asarray(open_photo(folder / name / "photo.png").picture)
        assert np.array_equal(before, dataset.pixels[photo.row])
        saved = (folder / "pictures" / photo.picture).read_bytes()
        assert (folder / name / "picture.png").read_bytes() == saved
    assert (folder / "curve.png").is_file() and (folder / "curve.svg").is_file()


def test_drawn_again_it_is_the_same_bytes(
    attacked: tuple[Path, Robustness], dataset: Dataset
) -> None:
    folder, robust = attacked
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    draw_robustness(folder, robust, dataset)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_report_shows_attacks_on_this_classifier_only(
    attacked: tuple[Path, Robustness], run: Run
) -> None:
    folder, robust = attacked
    page = unescape(write_report(run.folder).read_text()).replace("\u00a0", " ")
    for words in (
        "<h2>How much does it withstand?</h2>", "Changed by learned-noise, measured in L2",
        *findings(robust), "The most fragile", "The most stubborn",
        f"All pictures and figures are in the run’s folder “attack/{folder.name}”.",
    ):  # fmt: skip
        assert words in page
    assert robust.most_fragile is not None and robust.most_fragile.name in page
    other = replace(robust, info=replace(robust.info, classifier="0" * 64))
    write_json(folder.with_name("two") / "robustness.json", other)
    both = write_report(run.folder, overwrite=True).read_text()
    assert "Left out: 1 attack on other weights than these." in both
    write_json(folder / "robustness.json", other)
    assert 'id="robustness"' not in write_report(run.folder, overwrite=True).read_text()


def test_the_report_does_without_pictures(attacked: tuple[Path, Robustness], run: Run) -> None:
    folder, _ = attacked
    shutil.rmtree(folder / "fragile")
    page = write_report(run.folder).read_text()
    assert "The most stubborn" in page and "The most fragile" not in page
