"""timm:NAME, any classifier of timm with its pretrained weights and its own preprocessing."""

from typing import Any

from torch import nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra, mend_torchvision, quiet_hub

PREFIX = "timm:"


def load_timm(model: str, requested: Preprocessing) -> Classifier:
    """The Classifier of a timm name; "timm:local-dir:FOLDER" is one saved by timm itself.

    Raises PasunchatError for an unknown name, and for weights that cannot be fetched.
    """
    mend_torchvision()
    timm, name = extra("timm", "timm"), model.removeprefix(PREFIX)
    try:
        with quiet_hub():
            network = timm.create_model(name, pretrained=True).eval()
    except Exception as error:  # unknown, offline, or a damaged folder: timm has a kind for each
        reason = " ".join(str(error).split())[:200]
        raise PasunchatError(
            f"{model} cannot be loaded: {reason}; expected a name of timm.list_pretrained(), "
            "and a connection unless it is cached"
        ) from error
    preprocessing = requested.over(preprocessing_of(network))
    return assemble(network, preprocessing, model, made_of=model, ending="unbounded")


def preprocessing_of(network: nn.Module) -> Preprocessing:
    """The preprocessing in a timm network's own configuration."""
    config: dict[str, Any] = getattr(network, "pretrained_cfg", {})
    names = config.get("label_names")
    sides = config.get("input_size") or ()
    return Preprocessing(
        scale="0..1",
        mean=tuple(config["mean"]) if "mean" in config else None,
        std=tuple(config["std"]) if "std" in config else None,
        size=sides[-1] if sides else None,
        framing="crop",
        classes=tuple(names) if names else None,
    )
