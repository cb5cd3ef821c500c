"""What an exported file says of itself, under the key "pasunchat" of its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.storage import from_json

KEY = "pasunchat"


@dataclass(frozen=True)
class ExportedFacts:
    """pixels: what the file takes. network: how NETWORKS spells it, None for one from outside.
    digest: of the classifier that was exported. mirrored: in a graph, done inside of it.
    versions: of what wrote it."""

    classes: tuple[str, ...]
    size: int
    framing: Framing
    decode: Decode
    network: str | None
    trained_on: str | None
    digest: str
    mirrored: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    pixels: str = "float [N, 3, size, size], RGB in [0, 1]; gives logits [N, classes]"
    format: int = 1

    def preprocessing(self) -> Preprocessing:
        """What it states: the preprocessing proper is inside the graph."""
        return Preprocessing(
            scale="0..1", size=self.size, framing=self.framing, classes=self.classes
        )


def facts_of(classifier: Classifier) -> ExportedFacts:
    """What is to be written of a classifier. Raises PasunchatError where its size is open."""
    if classifier.size is None:
        raise PasunchatError("this classifier states no picture size; a file needs one")
    return ExportedFacts(
        classes=classifier.classes,
        size=classifier.size,
        framing=classifier.framing,
        decode=classifier.decode,
        network=classifier.network_name,
        trained_on=classifier.trained_on,
        digest=classifier.digest(),
        mirrored=classifier.mirrored,
        versions={name: version(name) for name in ("pasunchat", "torch")},
    )


def facts_in(metadata: Mapping[str, str], origin: str) -> ExportedFacts | None:
    """The facts in a file's metadata, None if it is not our export.

    Raises PasunchatError if they are damaged.
    """
    if KEY not in metadata:
        return None
    return from_json(metadata[KEY], ExportedFacts, f"what {origin} says of itself")


def with_facts(classifier: Classifier, facts: ExportedFacts | None) -> Classifier:
    """The classifier, told what only our own files know."""
    if facts is not None:
        classifier.decode, classifier.trained_on = facts.decode, facts.trained_on
    return classifier
