import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.fooled.fool_photos import fool_photos
from pasunchat.measures.score import Evaluation
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import write_png
from pasunchat.reports.evaluation import write_evaluation
from pasunchat.reports.report import write_report
from pasunchat.storage import write_json
from pasunchat.training.run import TIMING, Run, add_timing, write_history


class Seen(HTMLParser):
    """What a browser would be told: tags, their attributes, headings in order, and the words."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, name: str) -> list[str | None]:
        return [found[name] for _, found in self.tags if name in found]


@pytest.fixture
def full_run(
    run: Run, classifier: Classifier, evaluation: Evaluation, dataset: Dataset, photo: Path
) -> Run:
    write_evaluation(run.folder / "evaluation", evaluation, dataset)
    pipe = photo.with_name("pipe.png")
    write_png(pipe, dataset.pixels[4], {})
    fool_photos(classifier, [photo, pipe])
    return run


def test_the_report_needs_no_script_and_no_other_file(full_run: Run) -> None:
    page = write_report(full_run.folder)
    assert page == full_run.folder / "report.html"
    seen = Seen(page)
    assert "script" not in {tag for tag, _ in seen.tags}
    assert "link" not in {tag for tag, _ in seen.tags}
    for source in seen.attributes("src"):
        assert source is not None and source.startswith("data:image/")
    for link in seen.attributes("href"):
        assert link is not None and link.startswith("#")
    assert not re.search(r"@import|url\(", page.read_text())


def test_the_report_can_be_read_without_seeing(full_run: Run) -> None:
    seen = Seen(write_report(full_run.folder))
    assert ("html", {"lang": "en"}) in seen.tags
    images = [attributes for tag, attributes in seen.tags if tag == "img"]
    assert len(images) == 4 + 16 + 2 * 3
    assert all(attributes.get("alt") for attributes in images)
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = seen.attributes("id")
    assert len(ids) == len(set(ids))
    assert {f"#{name}" for name in ids} >= set(seen.attributes("href"))


def test_the_report_tells_the_whole_run(full_run: Run) -> None:
    words = Seen(write_report(full_run.folder)).words.replace("\u00a0", " ")
    for said in (
        "Telling cat from dog",
        "drawn by the program",
        "3 heic",
        "1,538",  # parameters of linear on 16 x 16
        "validation does not: overfitting",
        "Always answering",
        "the same amount of random noise, 8 draws",
        "Ceci n’est pas un chat",
        "Training took 10 s for 4 epochs, 2.5 s each",
        full_run.info.data.digest,
    ):
        assert said in words
    assert " 100 % sure" not in words


def test_the_same_run_gives_the_same_bytes_but_for_the_times(full_run: Run) -> None:
    first = write_report(full_run.folder).read_text()
    assert write_report(full_run.folder, overwrite=True).read_text() == first
    add_timing(full_run.folder, epoch=5, seconds=100.0)
    later = write_report(full_run.folder, overwrite=True).read_text()
    pairs = zip(first.splitlines(), later.splitlines(), strict=True)
    changed = [new for old, new in pairs if old != new]
    assert len(changed) == 1 and "Training took" in changed[0]


def test_what_is_missing_is_said_with_the_command_that_makes_it(run: Run) -> None:
    (run.folder / TIMING).unlink()
    words = Seen(write_report(run.folder)).words
    assert f"pasunchat evaluate {run.folder}" in words
    assert f"pasunchat fool PHOTO --model {run.folder}" in words
    assert "Training took" not in words and "Ceci" not in words


def test_a_training_that_has_not_ended_is_reported_so_far(run: Run) -> None:
    write_json(run.folder / "run.json", replace(run.info, ended=None))
    write_history(run.folder, [])
    words = Seen(write_report(run.folder)).words
    assert words.count(f"pasunchat train --resume {run.folder}") == 2
    assert "the training has not ended" in words


def test_what_was_made_with_other_weights_is_left_out(
    full_run: Run, evaluation: Evaluation
) -> None:
    path = full_run.folder / "evaluation" / "evaluation.json"
    write_json(path, replace(evaluation, classifier="0" * 64))
    for result in full_run.folder.glob("fooled/rex.*/result.json"):
        result.write_text(re.sub(r'"classifier": "\w+"', '"classifier": "0"', result.read_text()))
    words = Seen(write_report(full_run.folder)).words
    assert "measured with other weights" in words
    assert "Left out: 1 photo made for other weights" in words
    assert "rex.png" not in words


def test_names_are_escaped_and_commands_quoted(run: Run) -> None:
    folder = run.folder.rename(run.folder.with_name("a & <b>"))
    odd = replace(run.info.data, sources=("<i>photos</i> & more",), path="gone")
    write_json(folder / "run.json", replace(run.info, data=odd))
    page = write_report(folder)
    assert "<i>" not in page.read_text() and "<b>" not in page.read_text()
    words = Seen(page).words
    assert "<i>photos</i> & more" in words
    assert f"pasunchat evaluate '{folder}'" in words
    assert "no longer at gone" in words


def test_a_report_is_not_overwritten_unasked(run: Run, tmp_path: Path) -> None:
    page = write_report(run.folder, tmp_path / "mine.html")
    assert page == tmp_path / "mine.html"
    with pytest.raises(PasunchatError, match="exists already"):
        write_report(run.folder, page)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="is no run"):
        write_report(tmp_path)
