"""The report: what it needs, what it says, and that every field its templates name is there."""

import re
import shutil
import subprocess
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch
from jinja2 import Environment, nodes
from torch import Tensor, nn

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.errors import PasunchatError
from pasunchat.fooled.fool_photos import fool_photos
from pasunchat.measures.compare import Comparison
from pasunchat.measures.robust_accuracy import ClassRobustness, Robustness
from pasunchat.measures.score import Bin, Evaluation
from pasunchat.measures.speed import Timing
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import write_png
from pasunchat.reports.certified import ProvedAndShown
from pasunchat.reports.comparison import write_comparison
from pasunchat.reports.evaluation import write_evaluation
from pasunchat.reports.fooled import Told
from pasunchat.reports.report import fooled_report, write_report
from pasunchat.storage import write_json
from pasunchat.story.wording import Words
from pasunchat.training.recipe import Augment, Recipe
from pasunchat.training.run import TIMING, Run, add_timing, write_history


def perfect_evaluation(evaluation: Evaluation) -> Evaluation:
    """Every photo right, with all confidence."""
    confusion = tuple(
        tuple(each.photos if row == column else 0 for column in range(len(evaluation.classes)))
        for row, each in enumerate(evaluation.classes)
    )
    classes = tuple(replace(each, precision=1.0, recall=1.0, f1=1.0) for each in evaluation.classes)
    sure = Bin(low=0.9, high=1.0, photos=evaluation.photos, confidence=1.0, accuracy=1.0)
    return replace(
        evaluation, right=evaluation.photos, accuracy=1.0, interval=(0.839, 1.0), classes=classes,
        confusion=confusion, bins=(sure,), confidence_when_right=1.0, confidence_when_wrong=1.0,
        calibration_error=1.0, floor=1.0, balanced_accuracy=1.0,
    )  # fmt: skip


CLASSES = ("cat", "dog")
LEVELS = np.random.default_rng(0).integers(0, 250, (16, 16, 3), dtype=np.uint8)
PICTURES = LEVELS, LEVELS + np.uint8(3)
METHODS = {
    "cnt", "items", "lasted", "listed", "n", "num", "of", "part", "pc", "pcs", "rich", "share",
    "sign", "t", "values",
}  # fmt: skip


class Seen(HTMLParser):
    """What a browser would be told: tags, their attributes, headings in order, and the words."""

    def __init__(self, page: Path | None = None) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        if page:
            self.feed(page.read_text())

    @classmethod
    def of(cls, text: str) -> Self:
        seen = cls()
        seen.feed(text)
        return seen

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, name: str) -> list[str | None]:
        return [found[name] for _, found in self.tags if name in found]


@pytest.fixture
def full_run(
    run: Run,
    classifier: Classifier,
    evaluation: Evaluation,
    comparison: Comparison,
    timing: Timing,
    attacked: tuple[Path, Robustness],
    proved: ProvedAndShown,
    dataset: Dataset,
    photo: Path,
) -> Run:
    """A run with every part that a report can show: also a pipe, and a photo that was not fooled,
    with advice."""
    write_evaluation(run.folder / "evaluation", evaluation, dataset)
    write_comparison(run.folder / "comparison", comparison, timing)
    pipe, robust = photo.with_name("pipe.png"), photo.with_name("tom.png")
    write_png(pipe, dataset.pixels[4], {})
    write_png(robust, dataset.pixels[2], {})
    fool_photos(classifier, [photo, pipe])
    fool_photos(classifier, [robust], request=Request("pgd:steps=2", radius=2 / 255))
    return run


@pytest.fixture
def overfull_run(full_run: Run, attacked: tuple[Path, Robustness]) -> Run:
    """The same with more photos and attacks than a report shows."""
    (rex,) = full_run.folder.glob("fooled/rex.*")
    for number in range(13):
        shutil.copytree(rex, rex.with_name(f"zoe-{number}.cat"))
    folder, robust = attacked
    for number in range(5):
        write_json(folder.with_name(f"other-{number}") / "robustness.json", robust)
    return full_run


def without_script(page: str) -> None:
    """Nothing that a strict content security policy forbids, but for styles in one block."""
    assert not re.search(r"@import|url\((?!#hatch)|javascript:|<script| style=| on[a-z]+=", page)


def described(seen: Seen) -> None:
    """Every picture has its words and its size, every drawing its words."""
    images = [attributes for tag, attributes in seen.tags if tag == "img"]
    assert images and all(attributes.get("alt") for attributes in images)
    assert all(int(each[side] or 0) > 0 for each in images for side in ("width", "height"))
    drawings = [each for tag, each in seen.tags if tag == "svg" and "viewbox" in each]
    assert drawings and all(attributes.get("aria-label") for attributes in drawings)


def of_maps(classes: tuple[str, ...] = CLASSES) -> Classifier:
    """A classifier with layers that can be seen."""
    return build("simple:width=4,depth=1", classes=classes, size=16)


def told(**others: object) -> Told:
    """Of a search for the second class."""
    request = Request("ddn").info()
    return replace(Told("rex.png", 1, request, 3, tries=((1.0, 0.2, False),)), **others)


def templates() -> list[nodes.Template]:
    folder = files("pasunchat.reports").joinpath("templates")
    sources = [path.read_text() for path in folder.iterdir() if path.name.endswith(".j2")]
    return [Environment().parse(source) for source in sources]


def test_every_field_that_the_templates_name_is_read(
    overfull_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No type checker sees a template: what is renamed in Python alone must fail in a rendering,
    and can do so only if all that is named is rendered."""
    named = {node.attr for tree in templates() for node in tree.find_all(nodes.Getattr)}
    named -= METHODS
    getattr_, read = Environment.getattr, set()

    def noted(environment: Environment, value: object, name: str) -> object:
        read.add(name)
        return getattr_(environment, value, name)

    monkeypatch.setattr(Environment, "getattr", noted)
    write_report(overfull_run.folder)
    fooled_report(of_maps(), *PICTURES, told())
    assert len(named) > 30
    assert named - read == set()


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
    without_script(page.read_text())


def test_the_report_can_be_read_without_seeing(full_run: Run) -> None:
    seen = Seen(write_report(full_run.folder))
    assert ("html", {"lang": "en"}) in seen.tags
    images = [attributes for tag, attributes in seen.tags if tag == "img"]
    explained, evaluated, others = 3 + 3, 2 + 16, 2 * 3
    attacked, proved = 1 + 2 * 3 + 1, 1
    assert len(images) == explained + evaluated + attacked + proved + others + 2 + 1
    described(seen)
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = seen.attributes("id")
    assert len(ids) == len(set(ids))
    assert {f"#{name}" for name in ids} >= set(seen.attributes("href"))


def test_the_report_shows_the_whole_run(full_run: Run) -> None:
    text = Seen(write_report(full_run.folder)).words.replace("\u00a0", " ")
    for words in (
        "Telling cat from dog",
        "First “",
        "What was added?",
        "Why so little is enough",
        "drawn by the program",
        "3 heic",
        "1,538",  # parameters of linear on 16 x 16
        "validation rises, from 0.61 to 0.8: overfitting",
        "always answering",
        "the same amount of random noise, 8 draws",
        "times stronger",
        "Ceci n’est pas un chat",
        "Training took 10 s for 4 epochs, 2.5 s each",
        "the same 100 test photos",
        "Changed by learned-noise, measured in L2",
        "Proved by linear bounds of every layer, measured in LINF",
        "Try another class with --as",
        full_run.info.data.digest,
    ):
        assert words in text
    assert " 100 % sure" not in text


def visible(page: str) -> str:
    """What is read, and what is said of pictures; without what is marked as another language,
    commands, and the names that the user gave."""
    page = re.sub(r"<style>.*?</style>|<pre>.*?</pre>|<code>.*?</code>", "", page, flags=re.S)
    page = re.sub(r'<span lang="en">.*?</span>', "", page, flags=re.S)
    seen = Seen.of(page)
    said = [*seen.attributes("alt"), *seen.attributes("aria-label"), seen.words]
    return " ".join(" ".join(filter(None, said)).split())


ENGLISH_WORDS = (
    r"\b(?:the|of|and|is|are|was|were|with|that|which|from|by|it|its|this|read|photos? at)\b"
)


def test_a_french_report_has_no_english_in_it(overfull_run: Run) -> None:
    english = visible(write_report(overfull_run.folder).read_text())
    french = visible(write_report(overfull_run.folder, overwrite=True, lang="fr").read_text())
    assert len(re.findall(ENGLISH_WORDS, english, re.I)) > 100
    for found in re.finditer(ENGLISH_WORDS, french, re.I):
        raise AssertionError(french[max(0, found.start() - 60) : found.end() + 60])
    for words in (
        "Distinguer « chat » de « chien »",
        "Comment a-t-il été entraîné ?",
        "1 538",
    ):
        assert words in french
    assert not re.search(r"\d\.\d+ ?%", french)


def test_a_french_report_of_one_photo_has_no_english_in_it() -> None:
    french = visible(fooled_report(of_maps(), *PICTURES, told(), lang="fr"))
    assert not re.findall(ENGLISH_WORDS, french, re.I)
    assert "Ce qui s’est passé" in french


def test_every_setting_and_every_frozen_base_has_its_words() -> None:
    words = Words("fr", "report").table
    assert {f"set_{each.name}" for each in fields(Recipe)} <= words.keys()
    assert {f"change_{each.name}" for each in fields(Augment)} <= words.keys()
    frozen = {name for name, network in NETWORKS.items() if network.frozen}
    assert {f"base_{name}" for name in frozen} <= words.keys()


def lead(page: Path) -> str:
    """The report's first paragraph."""
    found = re.search(r'<p class="lead">(.*?)</p>', page.read_text(), re.DOTALL)
    assert found
    return " ".join(found[1].split())


def test_a_network_no_better_than_a_guess_is_called_that_in_the_first_sentence(
    run: Run, classifier: Classifier, evaluation: Evaluation, dataset: Dataset, photo: Path
) -> None:
    assert not evaluation.beats_floor
    write_evaluation(run.folder / "evaluation", evaluation, dataset)
    fool_photos(classifier, [photo])
    said = lead(write_report(run.folder))
    assert re.match(r"This is (no|not shown to be) better than a guess: it is right on ", said)
    assert " a coin" in said
    assert "--network efficientnet-lite0" in said and "to fool a coin" in said
    good = replace(evaluation, right=20, accuracy=1.0, interval=(0.839, 1.0))
    write_json(run.folder / "evaluation" / "evaluation.json", good)
    said = lead(write_report(run.folder, overwrite=True))
    assert said.startswith("The network “linear” learnt from")
    assert "20 of 20 [83.9 or more]" in said and "guess" not in said and "coin" not in said


def test_nothing_is_ever_said_to_be_a_hundred_per_cent(
    full_run: Run, evaluation: Evaluation, comparison: Comparison, attacked: tuple[Path, Robustness]
) -> None:
    """A page of a run where everything is right, sure and withstood, its figures among it."""
    perfect = perfect_evaluation(evaluation)
    write_json(full_run.folder / "evaluation" / "evaluation.json", perfect)
    models = tuple(
        replace(model, right=100, accuracy=1.0, interval=(0.96, 1.0), calibration_error=1.0)
        for model in comparison.models
    )
    write_json(
        full_run.folder / "comparison" / "comparison.json", replace(comparison, models=models)
    )
    folder, robust = attacked
    classes = tuple(replace(each, right=each.photos, fooled=0) for each in robust.classes)
    withstood = replace(
        robust, right=robust.photos, fooled=0, accuracy=1.0, robust_accuracy=1.0, classes=classes,
        curve=tuple(replace(point, accuracy=1.0) for point in robust.curve),
    )  # fmt: skip
    write_json(folder / "robustness.json", withstood)
    history = [
        replace(row, training_accuracy=1.0, validation_accuracy=1.0) for row in full_run.history
    ]
    write_history(full_run.folder, history)
    page = write_report(full_run.folder)
    words = Seen(page).words.replace("\u00a0", " ")
    assert "20 of 20" in words and "all 8 test photos" in words
    assert not re.search(r"100(\.0)? %", words)


def test_the_same_run_gives_the_same_bytes_but_for_the_times(full_run: Run) -> None:
    first = write_report(full_run.folder).read_text()
    assert write_report(full_run.folder, overwrite=True).read_text() == first
    add_timing(full_run.folder, epoch=5, seconds=100.0)
    later = write_report(full_run.folder, overwrite=True).read_text()
    pairs = zip(first.splitlines(), later.splitlines(), strict=True)
    changed = [new for old, new in pairs if old != new]
    assert len(changed) == 1 and "Training took" in changed[0]


def test_what_is_too_much_is_counted(overfull_run: Run) -> None:
    page = write_report(overfull_run.folder).read_text().replace("\u00a0", " ")
    assert "8 more photos in the run’s folder “fooled”." in page
    assert "1 more attack beside these." in page


def test_a_class_without_a_photo_has_no_share(run: Run, attacked: tuple[Path, Robustness]) -> None:
    folder, robust = attacked
    fox = ClassRobustness("fox", photos=0, right=0, fooled=0, median=None)
    write_json(folder / "robustness.json", replace(robust, classes=(*robust.classes, fox)))
    page = write_report(run.folder).read_text()
    assert '<th scope="row"><bdi>fox</bdi></th><td>0</td><td></td><td></td>' in page


def test_what_is_missing_is_said_with_the_command_that_makes_it(run: Run) -> None:
    (run.folder / TIMING).unlink()
    words = Seen(write_report(run.folder)).words
    assert f"pasunchat evaluate {run.folder.name}" in words
    assert f"pasunchat fool PHOTO --model {run.folder.name}" in words
    assert "Training took" not in words and "Ceci" not in words


def test_a_training_that_has_not_ended_is_reported_so_far(run: Run) -> None:
    write_json(run.folder / "run.json", replace(run.info, ended=None))
    write_history(run.folder, [])
    words = Seen(write_report(run.folder)).words
    assert words.count(f"pasunchat train --resume {run.folder.name}") == 2
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
    odd = replace(run.info.data, sources=("<i>photos & more",), path="gone")
    write_json(folder / "run.json", replace(run.info, data=odd))
    page = write_report(folder)
    assert "<i>" not in page.read_text() and "<b>" not in page.read_text()
    words = Seen(page).words
    assert "<i>photos & more" in words
    assert "pasunchat evaluate 'a & <b>'" in words
    assert "no longer where it was" in words and "gone" not in words


def test_names_are_escaped_once(run: Run, classifier: Classifier, photo: Path) -> None:
    counts = {"cat & <co>": run.info.data.counts["cat"], "dog": run.info.data.counts["dog"]}
    info = replace(run.info, data=replace(run.info.data, counts=counts))
    write_json(run.folder / "run.json", info)
    fool_photos(classifier, [photo])
    page = write_report(run.folder).read_text()
    assert "<co>" not in page and "&amp;amp;" not in page and "&amp;lt;" not in page
    assert "Telling cat & <co> from dog: a report of pasunchat" in Seen.of(page).words


def test_no_folder_of_the_user_is_told(full_run: Run, tmp_path: Path) -> None:
    """Reports are handed on."""
    recipe = replace(full_run.recipe, teacher="/home/anna/work/runs/big")
    write_json(full_run.folder / "recipe.json", recipe)
    page = write_report(full_run.folder).read_text()
    assert str(tmp_path) not in page and str(tmp_path.parent) not in page and "anna" not in page
    assert not re.search(r"/(home|tmp|root|Users)/", Seen.of(page).words)
    assert "imitated a trained network too, big" in page


def test_a_report_without_a_fooled_photo_begins_with_how_good_it_is(
    run: Run, evaluation: Evaluation, dataset: Dataset
) -> None:
    good = replace(evaluation, right=20, accuracy=1.0, interval=(0.839, 1.0))
    write_evaluation(run.folder / "evaluation", good, dataset)
    words = Seen(write_report(run.folder)).words
    begin = " ".join(words[words.index("A report of pasunchat") :].split())
    assert re.match(
        r"A report of pasunchat on the run tiny Telling cat from dog The network “linear” learnt "
        r"from \d+ pictures. On pictures it had never seen it is right in 20 of 20 .* "
        r"No photo has been made to fool it yet. This makes it: pasunchat fool PHOTO --model tiny",
        begin.replace("\u00a0", " "),
    )


def test_the_report_of_one_photo_tells_what_happened_and_why() -> None:
    page = fooled_report(of_maps(), *PICTURES, told())
    seen = Seen.of(page)
    without_script(page)
    described(seen)
    words = " ".join(seen.words.split())
    assert "The network reads the photo as:" in words and "768 of its 768 values" in words
    assert "each of them by" not in words and "none of them by more than 3 of 255" in words
    assert "of them push towards “dog”" in words
    assert "Layer 1 conv1 4 maps of 8 × 8" in words
    assert page == fooled_report(of_maps(), *PICTURES, told())


@pytest.mark.parametrize("names", [("猫 & 犬", "$5", "[x] <b>_y_*"), ("قط", "{n}", "כלב")])
def test_class_names_stand_as_they_are(names: tuple[str, ...]) -> None:
    page = fooled_report(of_maps(names), *PICTURES, told())
    assert "<b>_y_" not in page
    words = Seen.of(page).words
    assert f"“{names[1]}”" in words and all(name in words for name in names[1:2])


def test_a_network_without_a_gradient_says_so() -> None:
    class Steps(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            light = (255 * pixels.mean((1, 2, 3))).round().detach()
            return torch.stack((light, 120 - light), 1)

    opaque = Classifier(Steps(), classes=CLASSES, size=16)
    words = Seen.of(fooled_report(opaque, *PICTURES, told())).words
    assert "since this network gives no gradient" in words
    assert "cannot be seen from outside" in words
    assert "Why so little is enough" not in words


def test_it_prints_without_empty_pages(full_run: Run, tmp_path: Path) -> None:
    """A run with every part, of the demo's length: five pages, and two for the comparison, the
    attacks and the certificate that the demo has not."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium on this machine prints the report")
    page, printed = write_report(full_run.folder), tmp_path / "report.pdf"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
    subprocess.run(
        [chromium, *options, f"--print-to-pdf={printed}", f"--user-data-dir={tmp_path}/chromium",
         f"file://{page.resolve()}"], check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    pages = re.findall(rb"/Type\s*/Page[^s]", printed.read_bytes())
    assert 1 <= len(pages) <= 7


def test_a_report_is_not_overwritten_unasked(run: Run, tmp_path: Path) -> None:
    page = write_report(run.folder, tmp_path / "mine.html")
    assert page == tmp_path / "mine.html"
    with pytest.raises(PasunchatError, match="exists already"):
        write_report(run.folder, page)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="is no run"):
        write_report(tmp_path)
