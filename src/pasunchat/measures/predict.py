"""What a classifier says of photos in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.photos.files import photo_files
from pasunchat.photos.image import PhotoError, read_photo
from pasunchat.progress import Progress, silent

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """One file. probabilities: one a class; empty, with a reason, for what is no photo."""

    file: str
    answer: str | None
    confidence: float | None
    probabilities: dict[str, float]
    reason: str | None = None


def predict(
    classifier: Classifier,
    photos: Sequence[Path | str],
    progress: Progress = silent,
) -> list[Prediction]:
    """Ask about files, the files of folders, and globs, in their order; decoded exactly.

    A file that is no photo gets a reason instead of an answer. Raises PasunchatError for a path
    where nothing is.
    """
    files = photo_files(photos)
    predictions: list[Prediction] = []
    for first in range(0, len(files), BATCH):
        predictions += _of_batch(classifier, files[first : first + BATCH])
        progress(len(predictions), len(files))
    return predictions


def _of_batch(classifier: Classifier, files: Sequence[Path]) -> list[Prediction]:
    if classifier.size is None:
        raise PasunchatError("this classifier states no picture size; give it pixels instead")
    images, refused = [], {}
    for file in files:
        try:
            images.append(read_photo(file, classifier.size, classifier.framing))
        except PhotoError as error:
            refused[file] = str(error)
    rows = iter(classifier.probabilities(np.stack(images)) if images else ())
    return [
        Prediction(str(file), None, None, {}, refused[file])
        if file in refused
        else _prediction(classifier, file, next(rows).tolist())
        for file in files
    ]


def _prediction(classifier: Classifier, file: Path, chances: list[float]) -> Prediction:
    named = {classifier.class_name(index): chance for index, chance in enumerate(chances)}
    answer = max(named, key=named.__getitem__)
    return Prediction(str(file), answer, named[answer], named)
