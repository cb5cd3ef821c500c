"""A classifier as files: weights.safetensors, and its info in classifier.json."""

from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import nn

from pasunchat.classifiers.build import build_from
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.errors import PasunchatError
from pasunchat.storage import RECIPE, read_json, write_bytes, write_json
from pasunchat.words import command

WEIGHTS, INFO = "weights.safetensors", "classifier.json"


@dataclass(frozen=True)
class SavedInfo:
    """What classifier.json holds: with the weights, all that is needed to load the classifier."""

    info: ClassifierInfo
    digest: str  # of the classifier, `Classifier.digest`
    pretrained_base: bool = False  # the weights are the head's; the base's come with the network
    format: int = 2  # of this file


def save(classifier: Classifier, folder: str | Path) -> None:
    """Write weights and info into `folder`. Raises PasunchatError for an external network."""
    _write(classifier, classifier.network, Path(folder), pretrained_base=False)


def save_head(classifier: Classifier, folder: str | Path) -> None:
    """As `save`, but only the head of a network whose pretrained base was not changed."""
    assert isinstance(classifier.network, BaseAndHead)
    _write(classifier, classifier.network.head, Path(folder), pretrained_base=True)


def _write(classifier: Classifier, part: nn.Module, folder: Path, *, pretrained_base: bool) -> None:
    info = classifier.info
    if info.network_name is None or info.size is None:
        raise PasunchatError(
            "this classifier wraps an external network, which only its own code can rebuild; "
            "save its weights with your own library"
        )
    weights = {name: value.contiguous() for name, value in part.state_dict().items()}
    write_bytes(folder / WEIGHTS, safetensors.torch.save(weights))
    write_json(folder / INFO, SavedInfo(info, classifier.digest(), pretrained_base))


def load_files(folder: Path) -> Classifier:
    """The classifier that `save` or `save_head` wrote.

    Raises PasunchatError if a file is missing, damaged, or not of this network.
    """
    for name in (INFO, WEIGHTS):
        if not (folder / name).is_file():
            raise unfinished(folder)
    saved = read_json(folder / INFO, SavedInfo)
    classifier = build_from(saved.info, seed=0 if saved.pretrained_base else None)
    network = classifier.network
    part = network.head if saved.pretrained_base and isinstance(network, BaseAndHead) else network
    fill(part, folder / WEIGHTS)
    if classifier.digest() != saved.digest:
        raise PasunchatError(
            f"{folder / WEIGHTS} is not the file that {INFO} was written with; train again"
        )
    classifier.origin, classifier.known_as = folder, str(folder)
    return classifier.eval()


def digest_on_record(folder: Path) -> str:
    """The digest of the classifier in `folder`, as its classifier.json states it."""
    return read_json(folder / INFO, SavedInfo).digest


def unfinished(folder: Path) -> PasunchatError:
    """The error for a folder without a whole classifier: a run that was stopped goes on."""
    missing = INFO if not (folder / INFO).is_file() else WEIGHTS
    if missing == INFO and (folder / RECIPE).is_file():
        return PasunchatError(
            f"the run {folder} is unfinished: its training was stopped; go on with: "
            f"{command('train', '--resume', folder)}"
        )
    return PasunchatError(
        f"{folder} holds no classifier ({missing} is missing); expected the folder of a "
        "run, as pasunchat train leaves it"
    )


def fill(part: nn.Module, path: Path) -> None:
    """Load a safetensors file's weights into a module. Raises PasunchatError if they do not fit."""
    try:
        part.load_state_dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise PasunchatError(f"{path} does not fit its network or is damaged: {reason}") from error
