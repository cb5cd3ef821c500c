"""What an attack on a split leaves in pictures: its curve, the most fragile and the most stubborn
photo."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.row import ROW, SIDE, with_captions
from pasunchat.fooled.save import noise_at_full_range, plain
from pasunchat.measures.attack_folder import ATTACKS_FOLDER, PICTURES
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import open_photo, write_png
from pasunchat.pictures.figures import styled, write_figure
from pasunchat.pictures.lettering import near_side
from pasunchat.reports.robustness_curve import robustness_curve
from pasunchat.storage import write_bytes
from pasunchat.words import factor, percent

CURVE, FRAGILE, STUBBORN = "curve", "fragile", "stubborn"
PHOTO, NOISE, PICTURE = "photo.png", "noise.png", "picture.png"


def attack_folder(classifier: Classifier, dataset: Dataset, facts: Sequence[str]) -> Path:
    """Where an attack goes that is not told where: a folder named after its settings, under
    `attack` in the classifier's run; of one that comes from no run, under `attack` here."""
    other = () if dataset.digest == classifier.info.trained_on else (dataset.digest[:8],)
    if classifier.origin is None:
        return Path(ATTACKS_FOLDER) / plain("-".join((classifier.known_as, *facts, *other)))
    return classifier.origin / ATTACKS_FOLDER / plain("-".join((*facts, *other)))


def draw_robustness(folder: Path, found: Robustness, dataset: Dataset) -> list[Path]:
    """Write curve.png and curve.svg into an attack's folder, and fragile/ and stubborn/ with the
    photo, the noise, the picture that came out, and the row of the three. Returns the files."""
    with styled():
        written = write_figure(robustness_curve(found), folder, CURVE)
    for name, photo in ((FRAGILE, found.most_fragile), (STUBBORN, found.most_stubborn)):
        if photo is not None and photo.picture:
            written += _draw_photo(folder / name, photo, folder / PICTURES, dataset)
    return written


def _draw_photo(folder: Path, photo: AttackedPhoto, pictures: Path, dataset: Dataset) -> list[Path]:
    before = np.asarray(dataset.pixels[photo.row])
    data = (pictures / photo.picture).read_bytes()
    after = np.asarray(open_photo(pictures / photo.picture).picture)
    images = [before, noise_at_full_range(before, after), after]
    write_png(folder / PHOTO, images[0], {})
    write_png(folder / NOISE, images[1], {})
    write_bytes(folder / PICTURE, data)
    _draw_row(folder / ROW, images, captions(photo))
    return [folder / name for name in (PHOTO, NOISE, PICTURE, ROW)]


def captions(photo: AttackedPhoto) -> tuple[str, str, str]:
    """ "Initial dog at 83 %", "+ 0.004x", "= cat at 51 %"."""
    still = "still " if photo.after == photo.before else ""
    return (
        f"Initial {photo.before} at {percent(photo.confidence_before)}",
        f"+ {factor(photo.levels / 255)}x" if photo.levels else "+ nothing",
        f"= {still}{photo.after} at {percent(photo.confidence)}",
    )


def _draw_row(path: Path, images: Sequence[NDArray[np.uint8]], texts: tuple[str, ...]) -> None:
    """The talk's row of three, of any pictures."""
    row = with_captions([near_side(image, SIDE) for image in images], texts)
    write_png(path, np.asarray(row), {})
