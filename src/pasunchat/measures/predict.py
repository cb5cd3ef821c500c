"""What a classifier predicts for photos in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, Prediction
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.photos.files import photo_files
from pasunchat.photos.image import PhotoError, read_photo
from pasunchat.progress import Progress, silent
from pasunchat.storage import readable
from pasunchat.words import percent

if TYPE_CHECKING:
    from pandas import DataFrame

BATCH = 64


@dataclass(frozen=True)
class FilePrediction:
    """The prediction for one file, or the reason why there is none."""

    file: str  # its path, `readable`
    model: str  # the name that loads the classifier
    prediction: Prediction | None  # None for a file that is no photo
    probabilities: dict[str, float]  # of each class; empty for a file that is no photo
    reason: str | None = None  # why it is no photo

    def __repr__(self) -> str:
        found = self.prediction
        said = f"{found.label} {percent(found.confidence)}" if found else self.reason
        return f"<FilePrediction: {self.file}: {said}>"

    def to_pandas(self) -> "DataFrame":
        """A row a class, the likeliest first. Raises PasunchatError without pandas."""
        rows = sorted(self.probabilities.items(), key=lambda row: -row[1])
        return extra("pandas", "pandas").DataFrame(rows, columns=["label", "probability"])


def predict(
    model: Model,
    photos: Path | str | Sequence[Path | str],
    progress: Progress = silent,
) -> list[FilePrediction]:
    """Predict the class of files, of the photos in folders and of those that a pattern matches.

    model: as `fool` takes it. photos: one path or several. In the order given, decoded as the
    classifier states. progress: (files done, files). Raises PasunchatError for a path where nothing
    is, and a classifier that states no image size.
    """
    classifier = as_classifier(model)
    paths = [photos] if isinstance(photos, str | Path) else photos
    for path in paths:
        if not isinstance(path, str | Path):
            raise PasunchatError(
                f"photos: expected paths of files, got {type(path).__name__}; the classifier's own "
                "predict takes images, uint8 [N, H, W, 3]"
            )
    files = photo_files(paths)
    predictions: list[FilePrediction] = []
    for first in range(0, len(files), BATCH):
        predictions += _of_batch(classifier, files[first : first + BATCH])
        progress(len(predictions), len(files))
    return predictions


def _of_batch(classifier: Classifier, files: Sequence[Path]) -> list[FilePrediction]:
    if classifier.size is None:
        raise PasunchatError("this classifier states no image size; give it pixels instead")
    images, reasons = [], {}
    for file in files:
        try:
            images.append(read_photo(file, classifier.size, classifier.framing, classifier.decode))
        except PhotoError as error:
            reasons[file] = str(error)
    rows = iter(classifier.probabilities(np.stack(images)) if images else ())
    return [
        FilePrediction(readable(file), classifier.known_as, None, {}, reasons[file])
        if file in reasons
        else _of_photo(classifier, file, next(rows))
        for file in files
    ]


def _of_photo(
    classifier: Classifier, file: Path, probabilities: NDArray[np.float64]
) -> FilePrediction:
    names = [classifier.class_name(index) for index in range(len(probabilities))]
    prediction = Prediction.from_probabilities(probabilities, names)
    each = dict(zip(names, probabilities.tolist(), strict=True))
    return FilePrediction(readable(file), classifier.known_as, prediction, each)
