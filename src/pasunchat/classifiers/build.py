"""An untrained classifier by the name of its network."""

import torch

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks import NETWORKS
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
    """A classifier around a new network, in channels_last layout.

    seed: of its first weights; None leaves them as they come, for a caller that fills them.
    Raises PasunchatError for an unknown network or setting, or one too large to be trained.
    """
    plan = from_table(network, NETWORKS, "network")
    with torch.random.fork_rng(devices=[]):  # torch's layers draw once before we do
        module = plan.build(len(classes), size)
        if seed is not None:
            plan.start(module, generator(seed, "weights"))
    classifier = Classifier(
        module,
        mean=plan.mean,
        std=plan.std,
        classes=classes,
        size=size,
        framing=framing,
        decode=decode,
        mirrored=mirrored,
        network_name=network,
        trained_on=trained_on,
    )
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def is_pretrained(network: str) -> bool:
    """Whether a network comes with a base that is frozen unless asked otherwise."""
    return from_table(network, NETWORKS, "network").frozen


def usual_size(network: str) -> int:
    """The side of a network's pictures, in pixels, where nobody asks for another."""
    return from_table(network, NETWORKS, "network").size
