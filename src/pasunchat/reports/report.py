"""The report of a run, in English or French: one HTML file that needs no script and no other file.

`contents.py` reads the run's folder. `templates/report.html.j2` turns it into a page, by the
filters, tests and functions listed here.
"""

from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from statistics import median

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.outcome import Outcome
from pasunchat.fooled.outcome_in_words import (
    change_in_words,
    control_in_words,
    noise_in_words,
)
from pasunchat.fooled.row import captions
from pasunchat.photos.image import open_photo
from pasunchat.pictures.figures import styled
from pasunchat.pictures.row import drawn_noise, gain_in_words, noise_gain
from pasunchat.reports.certified import (
    attack_command,
    axis_cells,
    axis_figure,
    verify_command,
)
from pasunchat.reports.certified_words import (
    gap_findings,
    proved_in_words,
    right_in_words,
    widest_cells,
)
from pasunchat.reports.comparison import (
    cost,
    differences,
    how_tested,
    quality,
    speeds_in_words,
    warnings,
    which_photos,
)
from pasunchat.reports.confusion import confusion_matrix, seen_in_confusion
from pasunchat.reports.contents import is_pipe, read_contents
from pasunchat.reports.curves import SHOWN, curves, seen_in_curves
from pasunchat.reports.embedded import Picture, figure_picture, ink, picture, png_picture
from pasunchat.reports.evaluation import (
    EVALUATION,
    accuracy_in_words,
    caption,
    class_cells,
    coin_in_words,
    cure,
    floor_in_words,
    photo_file,
)
from pasunchat.reports.fooled import Image, Told, file_name, fooled_facts
from pasunchat.reports.fooled_drawn import (
    growth_chart,
    layer_names,
    level_bars,
    mark_of,
    mean_push,
    noise_image,
    noise_picture,
    plane_chart,
    still_as_was,
    texts,
    transform_said,
    turning_share,
    walk_chart,
)
from pasunchat.reports.reliability import reliability, seen_in_reliability
from pasunchat.reports.robustness import drawn_extremes, robustness_curve
from pasunchat.reports.robustness_words import (
    attack_captions,
    caveats,
    enough_in_words,
    findings,
    photo_in_words,
)
from pasunchat.reports.run_words import (
    base_in_words,
    ended_in_words,
    network_said,
    recipe_in_words,
    settings_in_words,
)
from pasunchat.reports.shared_axis import (
    axis_measured,
    axis_sentences,
    norms_apart,
    shared_axis_figure,
    shared_cells,
    shared_headings,
    widest_gaps,
)
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.storage import refuse_existing, write_bytes
from pasunchat.story.charts import brief
from pasunchat.story.wording import Words, cancels
from pasunchat.training.run import open_run
from pasunchat.words import command

REPORT, TEMPLATE = "report.html", "report.html.j2"


def write_report(
    run_folder: str | Path,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    lang: str = "en",
) -> Path:
    """Write a run's report in "en" or "fr", by default as report.html in its folder; returns its
    path.

    The same run gives the same bytes, except for the lines with times. Raises PasunchatError if
    the folder holds no run, or the file exists and `overwrite` is false.
    """
    run = open_run(run_folder)
    output = Path(output or run.folder / REPORT)
    refuse_existing(output, overwrite=overwrite)
    contents = read_contents(run)
    with styled():
        page = _environment(lang).get_template(TEMPLATE).render(vars(contents))
    write_bytes(output, page.encode())
    return output


def fooled_report(
    classifier: Classifier, photo: Image, picture: Image, told: Told, *, lang: str = "en"
) -> str:
    """The report of one fooled photo, as one HTML file.

    photo, picture: uint8 [H, W, 3], at least one value of them different. Asks the classifier about
    a hundred pictures and some gradients.
    """
    facts = fooled_facts(classifier, photo, picture, told)
    return _environment(lang).get_template("fooled_report.html.j2").render(facts=facts)


def _environment(lang: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            (PackageLoader("pasunchat.reports"), PackageLoader("pasunchat.story", "."))
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_with_fixed_spaces,
    )
    words = Words(lang)
    environment.filters |= {function.__name__: function for function in FILTERS}
    environment.filters["class_said"] = words.cls
    environment.tests |= {"drawn": _is_drawn, "pipe": is_pipe}
    environment.globals |= {**GLOBALS, "lang": lang, "page": words, "w": Words(lang, "report")}
    return environment


def _with_fixed_spaces(value: object) -> object:
    """No line break between a number and its percent sign."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value


def _is_drawn(source: str) -> bool:
    """Whether photos from this source are drawn by the program: "drawn", "drawn:seed=3"."""
    return source.partition(":")[0] == "drawn"


def counted(numbers: dict[str, int]) -> list[str]:
    """Each number before its name: {"heic": 3} is ["3 heic"]."""
    return [f"{number} {name}" for name, number in numbers.items()]


def counted_in(number: int, words: Words) -> str:
    """A count as a language writes it."""
    return words.cnt(number)


def kind_said(kind: str, words: Words) -> str:
    """A layer's kind in a language; one without a word for it as it is."""
    return str(words.table.get(f"kind_{kind}", kind))


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def sentence_start(text: str) -> str:
    """With a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"


def outcome_heading(outcome: Outcome, words: Words) -> str:
    """What became of a photo, as a heading."""
    was, now = outcome.before.label, outcome.after.label
    key = "fooled" if outcome.fooled else "kept" if was == now else "missed"
    b = now if outcome.fooled else outcome.goal
    return words.t(key, a=words.cls(was), b=words.cls(b), c=words.cls(now))


def gain_of_files(files: Sequence[Path], words: Words) -> str:
    """How the noise between photo and picture is drawn, in words."""
    return gain_in_words(noise_gain(*_images(files)), words)


def row_pictures(files: Sequence[Path]) -> list[Picture]:
    """A photo, the noise, and the picture, for a page; the noise is drawn as the words say."""
    photo, changed = _images(files)
    noise = drawn_noise(photo, changed, noise_gain(photo, changed))
    return [png_picture(files[0]), picture(noise), png_picture(files[1])]


def _images(files: Sequence[Path]) -> tuple[Image, Image]:
    photo, changed = (np.asarray(open_photo(file).picture) for file in files)
    return photo, changed


# fmt: off
FILTERS: tuple[Callable[..., object], ...] = (
    median, file_name, counted, counted_in, kind_said, brief,
    sentence, sentence_start, network_said, recipe_in_words, settings_in_words, base_in_words,
    ended_in_words,
    png_picture, picture, ink, figure_picture, gain_of_files, row_pictures,
    outcome_heading,
    confusion_matrix, curves, reliability, robustness_curve, tradeoff,
    seen_in_curves, seen_in_confusion, seen_in_reliability,
    accuracy_in_words, floor_in_words, coin_in_words, cure, class_cells, caption,
    which_photos, quality, cost, differences, how_tested, warnings,
    captions, change_in_words, control_in_words, noise_in_words,
    findings, enough_in_words, attack_captions, caveats,
    axis_figure, axis_cells, right_in_words, proved_in_words, gap_findings, widest_cells,
    verify_command, attack_command,
    shared_axis_figure, shared_headings, shared_cells, axis_measured, axis_sentences, norms_apart,
    widest_gaps,
    mark_of, noise_image, noise_picture, still_as_was, turning_share, mean_push, level_bars,
    walk_chart, growth_chart, layer_names, plane_chart, texts, transform_said, cancels,
)
# fmt: on
GLOBALS: dict[str, object] = {
    "command": command,
    "log": log,
    "photo_file": photo_file,
    "speeds_in_words": speeds_in_words,
    "drawn_extremes": drawn_extremes,
    "photo_in_words": photo_in_words,
    "EVALUATION": EVALUATION,
    "CURVES": SHOWN,
}
