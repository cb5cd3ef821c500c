"""hf:NAME, any image classifier of transformers with its own preprocessing."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra, mend_torchvision, quiet_hub
from pasunchat.framing import Framing

PREFIX = "hf:"
PREPROCESSOR = "preprocessor_config.json"


class Logits(nn.Module):
    """A transformers model that gives only its logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C]."""
        logits: Tensor = self.model(pixel_values=pixels).logits
        return logits


def load_hugging_face(model: str, requested: Preprocessing) -> Classifier:
    """The Classifier of a name on the hub, or of a folder written by save_pretrained.

    Weights are read from safetensors only, and no code of the model's own is run.
    Raises PasunchatError for what is no image classifier, and for files that cannot be fetched.
    """
    mend_torchvision()
    transformers, name = extra("transformers", "hf"), model.removeprefix(PREFIX)
    transformers.utils.logging.disable_progress_bar()
    expected = (
        "expected an image classifier on the hub, or a folder written by save_pretrained, and a "
        "connection unless it is cached"
    )
    try:
        with quiet_hub():
            network = transformers.AutoModelForImageClassification.from_pretrained(
                name, use_safetensors=True, trust_remote_code=False, dtype="float32"
            ).eval()
            config = _preprocessor(name)
    except Exception as error:  # unknown, offline or damaged: the library has a kind for each
        reason = " ".join(str(error).split())[:200]
        raise PasunchatError(f"{model} cannot be loaded: {reason}; {expected}") from error
    labels = network.config.id2label
    names = tuple(str(labels[index]) for index in sorted(labels))
    different = len(set(names)) == len(names) > 1
    preprocessing = requested.over(preprocessing_of(config, names if different else None))
    return assemble(Logits(network), preprocessing, model, made_of=model, ending="unbounded")


def preprocessing_of(config: dict[str, Any], classes: tuple[str, ...] | None) -> Preprocessing:
    """The preprocessing in a preprocessor_config.json: (levels * factor - mean) / std."""
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    normalised = config.get("do_normalize", True)
    mean = config.get("image_mean") if normalised else None
    std = config.get("image_std") if normalised else None
    unit = 1 / (255 * factor)  # of mean and std, in the scale 0..1
    known = "do_rescale" in config or "image_mean" in config
    return Preprocessing(
        scale="0..1" if known else None,
        mean=tuple(value * unit for value in mean or (0.0,)),
        std=tuple(value * unit for value in std or (1.0,)),
        size=_side(config),
        framing=_framing(config),
        classes=classes,
    )


def _side(config: dict[str, Any]) -> int | None:
    """Side of the crop if one is taken, else of the resized image."""
    place = config.get("crop_size") if config.get("do_center_crop") else config.get("size")
    if isinstance(place, int):
        return place
    sides = place or {}
    side = sides.get("height") or sides.get("shortest_edge")
    return int(side) if side else None


def _framing(config: dict[str, Any]) -> Framing:
    """squash where height and width are both stated and nothing is cropped, else crop."""
    size = config.get("size")
    stretched = isinstance(size, dict) and "height" in size and not config.get("do_center_crop")
    return "squash" if stretched else "crop"


def _preprocessor(name: str) -> dict[str, Any]:
    """The configuration, read from its file: transformers' own reader needs torchvision."""
    from transformers.utils.hub import cached_file

    path = cached_file(name, PREPROCESSOR, _raise_exceptions_for_missing_entries=False)
    if path is None:
        return {}
    config: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return config
