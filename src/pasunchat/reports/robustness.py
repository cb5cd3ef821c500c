"""What an attack on a whole split leaves in pictures: how many photos withstand it, as a curve
over the size of the change, and the most fragile and the most stubborn of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.outcome import plain
from pasunchat.fooled.row import ROW
from pasunchat.measures.attack_folder import ATTACKS_FOLDER, PICTURES
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import open_photo, write_png
from pasunchat.pictures.figures import BLUE, GREY, INK, new_figure, styled, write_figure
from pasunchat.pictures.lettering import near_side
from pasunchat.pictures.row import SIDE, drawn_noise, gain_in_words, noise_gain, with_captions
from pasunchat.reports.robustness_words import attack_captions, axis_in_words, size_in_words
from pasunchat.reports.ticks import number_ticks, share_ticks
from pasunchat.storage import write_bytes
from pasunchat.story.wording import TERMINAL, Words

CURVE, FRAGILE, STUBBORN = "curve", "fragile", "stubborn"
PHOTO, NOISE, PICTURE = "photo.png", "noise.png", "picture.png"
BEYOND = 1.06  # the curve's axis ends at this many times the last distance


def attack_folder(classifier: Classifier, dataset: Dataset, settings: Sequence[str]) -> Path:
    """Where an attack is written by default: see `job_place`."""
    return job_place(ATTACKS_FOLDER, classifier, dataset, settings)


def job_place(job: str, classifier: Classifier, dataset: Dataset, settings: Sequence[str]) -> Path:
    """Where a job on a split is written by default: a folder named after its settings, under `job`
    in the classifier's run, or under `job` in the working directory if it comes from no run."""
    other_data = () if dataset.digest == classifier.info.trained_on else (dataset.digest[:8],)
    if classifier.origin is None:
        return Path(job) / plain("-".join((classifier.known_as, *settings, *other_data)))
    return classifier.origin / job / plain("-".join((*settings, *other_data)))


def draw_robustness(folder: Path, found: Robustness, dataset: Dataset) -> list[Path]:
    """Write curve.png and curve.svg into an attack's folder, and fragile/ and stubborn/ with the
    photo, the noise, the picture that came out, and the row of the three. Returns the files."""
    with styled():
        written = write_figure(robustness_curve(found), folder, CURVE)
    for name, photo in _extremes(found):
        if photo.picture:
            written += _draw_photo(folder / name, photo, folder / PICTURES, dataset)
    return written


def drawn_extremes(
    folder: Path, found: Robustness
) -> list[tuple[str, tuple[Path, Path, Path], AttackedPhoto]]:
    """FRAGILE and STUBBORN, as far as `draw_robustness` drew them into an attack's folder: the
    files of photo, noise and picture, and the photo's result."""
    return [
        (name, (folder / name / PHOTO, folder / name / NOISE, folder / name / PICTURE), photo)
        for name, photo in _extremes(found)
        if (folder / name / PICTURE).is_file()
    ]


def _extremes(found: Robustness) -> list[tuple[str, AttackedPhoto]]:
    both = ((FRAGILE, found.most_fragile), (STUBBORN, found.most_stubborn))
    return [(name, photo) for name, photo in both if photo is not None]


def _draw_photo(folder: Path, photo: AttackedPhoto, pictures: Path, dataset: Dataset) -> list[Path]:
    before = np.asarray(dataset.pixels[photo.row])
    data = (pictures / photo.picture).read_bytes()
    after = np.asarray(open_photo(pictures / photo.picture).picture)
    gain = noise_gain(before, after)
    images = [before, drawn_noise(before, after, gain), after]
    shown = [near_side(image, SIDE) for image in images]
    row = with_captions(shown, attack_captions(photo), gain_in_words(gain))
    write_png(folder / PHOTO, images[0], {})
    write_png(folder / NOISE, images[1], {})
    write_bytes(folder / PICTURE, data)
    write_png(folder / ROW, np.asarray(row), {})
    return [folder / name for name in (PHOTO, NOISE, PICTURE, ROW)]


def robustness_curve(found: Robustness, words: Words = TERMINAL) -> Figure:
    """The share of photos still read rightly, against the size of the change. Call it within
    `styled`."""
    norm, radius = found.norm, found.info.request.radius
    unit = norm.axis_unit
    radii = [at.radius * unit for at in found.curve]
    shares = [at.accuracy for at in found.curve]
    whole = norm.counts or unit > 1
    end = radius * unit if radius else _end(radii[-1], whole)
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    axes.step([*radii, end], [*shares, shares[-1]], where="post", color=BLUE)
    axes.fill_between(
        [*radii, end], [*shares, shares[-1]], step="post", color=BLUE, alpha=0.12, linewidth=0
    )
    if found.median:
        half = words.t("rob_half_at", size=size_in_words(norm, found.median, words))
        _mark_half(axes, found.median * unit, end, half)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(axis_in_words(norm, words))
    axes.set_title(words.n("rob_title", found.photos))
    axes.yaxis.set_major_formatter(share_ticks(words))
    axes.xaxis.set_major_locator(MaxNLocator(integer=whole, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(number_ticks(words))
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure


def _end(last: float, whole: bool) -> float:
    """Where the axis ends: a little after the last photo, so that its step is seen."""
    return max(last * BEYOND, last + 0.5) if whole else last * BEYOND or 1.0


def _mark_half(axes: Axes, place: float, end: float, half: str) -> None:
    """A line where half of the photos are misread, its label where the curve is not."""
    right = place < 0.7 * end
    axes.axvline(place, color=GREY, linewidth=1.2, linestyle=":", zorder=0)
    axes.annotate(
        half, (place, 0.9 if right else 0.1), (6 if right else -6, 0),
        textcoords="offset points", va="center", ha="left" if right else "right", color=INK,
    )  # fmt: skip
