"""A classifier as files: weights.safetensors, and its facts in classifier.json."""

from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.storage import read_json, write_bytes, write_json

WEIGHTS, FACTS = "weights.safetensors", "classifier.json"


@dataclass(frozen=True)
class ClassifierFacts:
    """All that is needed, with the weights, to have the classifier again.

    pretrained_base: the weights are the head's; the base's come with the network.
    """

    network: str
    classes: tuple[str, ...]
    size: int
    framing: Framing
    decode: Decode
    trained_on: str | None
    digest: str
    mirrored: bool = False
    pretrained_base: bool = False
    format: int = 1


def save(classifier: Classifier, folder: str | Path) -> None:
    """Write weights and facts into `folder`. Raises PasunchatError for a network from outside."""
    _write(classifier, classifier.network, Path(folder), pretrained_base=False)


def save_head(classifier: Classifier, folder: str | Path) -> None:
    """As `save`, but only the head of a network whose base is as it came, pretrained."""
    assert isinstance(classifier.network, BaseAndHead)
    _write(classifier, classifier.network.head, Path(folder), pretrained_base=True)


def _write(classifier: Classifier, part: nn.Module, folder: Path, *, pretrained_base: bool) -> None:
    if classifier.network_name is None or classifier.size is None:
        raise PasunchatError(
            "this classifier wraps a network from outside, which only its own code can rebuild; "
            "save its weights with your own library"
        )
    weights = {name: value.contiguous() for name, value in part.state_dict().items()}
    facts = ClassifierFacts(
        network=classifier.network_name,
        classes=classifier.classes,
        size=classifier.size,
        framing=classifier.framing,
        decode=classifier.decode,
        trained_on=classifier.trained_on,
        digest=classifier.digest(),
        mirrored=classifier.mirrored,
        pretrained_base=pretrained_base,
    )
    write_bytes(folder / WEIGHTS, safetensors.torch.save(weights))
    write_json(folder / FACTS, facts)


def load_files(folder: Path) -> Classifier:
    """The classifier that `save` or `save_head` wrote.

    Raises PasunchatError if a file is missing, damaged, or not of this network.
    """
    for name in (FACTS, WEIGHTS):
        if not (folder / name).is_file():
            raise PasunchatError(
                f"{folder} holds no finished classifier ({name} is missing); "
                "train one, or go on with: pasunchat train --resume"
            )
    facts = read_json(folder / FACTS, ClassifierFacts)
    classifier = build(
        facts.network,
        classes=facts.classes,
        size=facts.size,
        framing=facts.framing,
        decode=facts.decode,
        trained_on=facts.trained_on,
        seed=0 if facts.pretrained_base else None,
        mirrored=facts.mirrored,
    )
    network = classifier.network
    part = network.head if facts.pretrained_base and isinstance(network, BaseAndHead) else network
    fill(part, folder / WEIGHTS)
    if classifier.digest() != facts.digest:
        raise PasunchatError(
            f"{folder / WEIGHTS} is not the file that {FACTS} was written with; train again"
        )
    classifier.origin = folder
    return classifier.eval()


def fill(part: nn.Module, path: Path) -> None:
    """Put a safetensors file's weights in. Raises PasunchatError if they do not fit."""
    try:
        part.load_state_dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise PasunchatError(f"{path} does not fit its network or is damaged: {reason}") from error
