"""One .safetensors file of ours: the weights, and in its metadata the facts to build them in."""

from pathlib import Path

import safetensors

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.facts import facts_in
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.files import fill
from pasunchat.errors import PasunchatError


def load_safetensors(path: Path, asked: Preprocessing) -> Classifier:
    """The Classifier that `pasunchat export --to safetensors` wrote.

    Raises PasunchatError for weights of others, a damaged file, and facts given beside its own.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise PasunchatError(f"{path} is damaged or no safetensors file: {error}") from error
    facts = facts_in(metadata, str(path))
    if facts is None or facts.network is None:
        raise PasunchatError(
            f"{path} holds weights without their network; expected what pasunchat export wrote, "
            "or build the network in a function of your own and name that: module:function"
        )
    if not asked.says_nothing():
        raise PasunchatError(f"{path} states its own preprocessing; leave yours out")
    classifier = build(
        facts.network,
        classes=facts.classes,
        size=facts.size,
        framing=facts.framing,
        decode=facts.decode,
        mirrored=facts.mirrored,
        trained_on=facts.trained_on,
        seed=None,
    )
    fill(classifier.network, path)
    if classifier.digest() != facts.digest:
        raise PasunchatError(f"{path} is not what it says it is: its numbers were changed")
    return classifier.eval()
