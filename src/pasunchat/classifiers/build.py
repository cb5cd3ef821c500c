"""An untrained classifier by the name of its network."""

import torch

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.fast.dispatch import classifier_class
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.parsing import from_table
from pasunchat.runtime import generator


def build(
    network: str,
    *,
    classes: tuple[str, ...],
    size: int = 224,
    framing: Framing = "pad",
    decode: Decode = "exact",
    seed: int | None = 0,
    mirrored: bool = False,
    trained_on: str | None = None,
) -> Classifier:
    """A classifier around a new network, by its name in NETWORKS ("simple:width=32").

    The other settings are the fields of ClassifierInfo; `seed` and errors are as in `build_from`.
    """
    info = ClassifierInfo(
        classes=classes,
        size=size,
        framing=framing,
        decode=decode,
        mirrored=mirrored,
        network_name=network,
        trained_on=trained_on,
    )
    return build_from(info, seed=seed)


def build_from(info: ClassifierInfo, *, seed: int | None = 0) -> Classifier:
    """A classifier around a new network, in channels_last layout.

    seed: of its first weights; None leaves them as they come, for a caller that fills them.
    Raises PasunchatError for an unknown network or setting, one too large to be trained, and info
    that names no network or no image size.
    """
    if info.network_name is None or info.size is None:
        raise PasunchatError(
            "expected the name of a network and an image size to build a classifier from; got "
            f"network {info.network_name}, size {info.size}"
        )
    plan = from_table(info.network_name, NETWORKS, "network")
    with torch.random.fork_rng(devices=[]):  # torch's layers draw once before we do
        network = plan.build(len(info.classes), info.size)
        if seed is not None:
            plan.start(network, generator(seed, "weights"))
    kind = classifier_class(network)
    classifier = kind.with_info(network, info, mean=plan.mean, std=plan.std)
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def is_pretrained(network: str) -> bool:
    """Whether a network comes with a base that is frozen unless asked otherwise."""
    return from_table(network, NETWORKS, "network").frozen


def usual_size(network: str) -> int:
    """The side of a network's images, in pixels, unless the user names another."""
    return from_table(network, NETWORKS, "network").size
