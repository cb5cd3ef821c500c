"""A .safetensors file of `pasunchat export`: the weights, and in its metadata how to build them."""

from pathlib import Path

import safetensors

from pasunchat.classifiers.build import build_from
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.info import read_info
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.files import fill
from pasunchat.errors import PasunchatError


def load_safetensors(path: Path, requested: Preprocessing) -> Classifier:
    """The Classifier that `pasunchat export --to safetensors` wrote.

    Raises PasunchatError for weights from elsewhere, a damaged file, and a requested preprocessing:
    the file states its own.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise PasunchatError(f"{path} is damaged or no safetensors file: {error}") from error
    exported = read_info(metadata, str(path))
    if exported is None or exported.info.network_name is None:
        raise PasunchatError(
            f"{path} holds weights without their network; expected what pasunchat export wrote, "
            "or build the network in a function of your own and name that: module:function"
        )
    if not requested.is_empty():
        raise PasunchatError(f"{path} states its own preprocessing; leave yours out")
    classifier = build_from(exported.info, seed=None)
    fill(classifier.network, path)
    if classifier.digest() != exported.digest:
        raise PasunchatError(f"{path} does not match its digest: its numbers were changed")
    return classifier.eval()
