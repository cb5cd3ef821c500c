"""ExportedInfo: the metadata that an exported file carries, under the key "pasunchat"."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.errors import PasunchatError
from pasunchat.storage import from_json

KEY = "pasunchat"


@dataclass(frozen=True)
class ExportedInfo:
    """What another program, and `load`, need to know of an exported file."""

    info: ClassifierInfo  # of the classifier that was exported; `mirrored` is done by the graph
    digest: str  # of that classifier
    versions: dict[str, str] = field(default_factory=dict)  # of the packages that wrote the file
    pixels: str = "float [N, 3, size, size], RGB in [0, 1]; gives logits [N, classes]"
    format: int = 2  # of this metadata

    def preprocessing(self) -> Preprocessing:
        """What is left to do before the graph, which normalises by itself."""
        info = self.info
        return Preprocessing(
            scale="0..1", size=info.size, framing=info.framing, classes=info.classes
        )


def info_to_export(classifier: Classifier) -> ExportedInfo:
    """The metadata for a classifier. Raises PasunchatError if it states no image size."""
    if classifier.size is None:
        raise PasunchatError("this classifier states no image size; a file needs one")
    versions = {name: version(name) for name in ("pasunchat", "torch")}
    return ExportedInfo(classifier.info, classifier.digest(), versions)


def read_info(metadata: Mapping[str, str], origin: str) -> ExportedInfo | None:
    """The info in a file's metadata; None for a file that `export` did not write.

    Raises PasunchatError if it is damaged.
    """
    if KEY not in metadata:
        return None
    return from_json(metadata[KEY], ExportedInfo, f"the metadata of {origin}")


def with_exported(classifier: Classifier, exported: ExportedInfo | None) -> Classifier:
    """The classifier read from a graph, with the info that only a file of `export` has."""
    if exported is not None:
        was = exported.info
        classifier.info = replace(classifier.info, decode=was.decode, trained_on=was.trained_on)
    return classifier
