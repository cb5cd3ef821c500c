"""Keras models, .keras and .h5: run by Keras 3 on torch, so that they have gradients."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.input_shape import InputShape, input_shape
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.heads import Ending
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra, keras_on_torch

CARRY_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
ENDINGS: dict[str, Ending] = {
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "linear": "unbounded",
}
LEVELS = 0.02  # a first Rescaling by less than this divides levels of 0..255
LEVEL = 2.0  # a mean above this is one of such levels


class KerasNetwork(nn.Module):
    """A Keras model as a torch module, for inputs in Keras's layout."""

    def __init__(self, keras: Any, model: Any) -> None:
        super().__init__()
        self.model, self.device = model, keras.device

    def forward(self, pixels: Tensor) -> Tensor:
        """The model's outputs in evaluation, on the device of the pixels."""
        with self.device(str(pixels.device)):
            outputs: Tensor = self.model(pixels, training=False)
        return outputs

    def train(self, mode: bool = True) -> "KerasNetwork":
        """Note the mode; Keras takes it with each call."""
        self.training = mode
        return self


def load_keras(path: Path, requested: Preprocessing) -> Classifier:
    """The Classifier in a Keras file.

    Size and scale are read where its layers state them. A final softmax or sigmoid is taken off.
    Raises PasunchatError for layers that carry code, a damaged file, and a model that is no
    classifier of images.
    """
    _refuse_code(path)
    keras = keras_on_torch()
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras's many kinds of error
        reason = " ".join(str(error).split())[:300]
        raise PasunchatError(f"{path} cannot be opened by Keras: {reason}") from error
    picture = _place(model, path)
    own = Preprocessing(
        scale="0..255" if _divides_levels(model) else None,
        channels=picture.unusual_channels,
        size=picture.size,
    )
    model, ending = _without_ending(keras, model)
    return assemble(
        KerasNetwork(keras, model),
        requested.over(own),
        str(path),
        made_of=path.read_bytes(),
        layout=picture.layout,
        ending=ending,
    )


def _refuse_code(path: Path) -> None:
    """Look through the file's JSON before Keras opens it. Raises PasunchatError for a layer with
    code."""
    for part in _parts(_config(path)):
        kind, module = part.get("class_name"), part.get("module")
        name = (part.get("config") or {}).get("name") or part.get("name") or kind
        if kind in CARRY_CODE:
            raise PasunchatError(
                f'{path} has a {kind} layer, "{name}", which carries code that would run here; '
                "build the model again without it (a Rescaling layer, or one of keras.ops), or "
                "load it in a function of your own and name that: module:function"
            )
        if isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
            raise PasunchatError(
                f'{path} needs code of yours, {module}.{kind} ("{name}"); load it in a function '
                "of your own and name that: module:function"
            )


def _config(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        with extra("h5py", "keras").File(path) as file:
            config = file.attrs.get("model_config")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise PasunchatError(f"{path} is damaged or no Keras model: {reason}") from error
    if config is None:
        raise PasunchatError(
            f"{path} holds weights only; save the whole model (model.save), or build it in a "
            "function of your own and name that: module:function"
        )
    return json.loads(config)


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Every object in a configuration, however deep."""
    if isinstance(config, dict):
        yield config
    for value in config.values() if isinstance(config, dict) else config:
        if isinstance(value, dict | list):
            yield from _parts(value)


def _place(model: Any, path: Path) -> InputShape:
    """What the one input takes."""
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise PasunchatError(
            f"{path} is no classifier of images: expected one input and one output, it has "
            f"{len(inputs)} and {len(outputs)}"
        )
    sides, answer = tuple(inputs[0].shape), tuple(outputs[0].shape)
    if len(answer) != 2:
        raise PasunchatError(
            f"{path} is no classifier of images: expected outputs [N, classes], it gives "
            f"{list(answer)}"
        )
    return input_shape(sides[1:], str(path))


def _divides_levels(model: Any) -> bool:
    """Whether the first layer that computes is one that takes levels of 0..255."""
    for layer in _chain(model):
        kind = type(layer).__name__
        if kind == "Rescaling":
            scale = layer.scale
            return isinstance(scale, int | float) and 0 < scale <= LEVELS
        if kind == "Normalization":
            return float(layer.mean.max()) > LEVEL
        if list(layer.weights):
            return False
    return False


def _chain(model: Any) -> Iterator[Any]:
    """Layers in their order, models inside models opened."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _chain(layer)
        else:
            yield layer


def _without_ending(keras: Any, model: Any) -> tuple[Any, Ending | None]:
    """The model without its final softmax or sigmoid, and how it ended; None where that is not
    known."""
    last = next((each for each in model.layers if each.output is model.outputs[0]), None)
    if last is None:
        return model, None
    if type(last).__name__ == "Softmax":
        return keras.Model(model.inputs, last.input), "softmax"
    ending = ENDINGS.get(getattr(getattr(last, "activation", None), "__name__", ""))
    if ending in ("softmax", "sigmoid"):
        last.activation = keras.activations.linear
    return model, ending
