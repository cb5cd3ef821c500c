"""Keras models by Keras itself on torch: the same answers as its own, logits for attacks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError
from pasunchat.extras import keras_on_torch

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras and NumPy 2
layers = keras.layers
SIZE = 16
SAID = "classes=cat/dog"


def built(*end: Any, first: tuple[Any, ...] = (), shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            layers.Input(shape),
            *first,
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            *end,
        ]
    )


def functional() -> Any:
    inputs = keras.Input((SIZE, SIZE, 3))
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    left, right = (layers.Conv2D(4, size, padding="same")(scaled) for size in (3, 5))
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([left, right]))
    return keras.Model(inputs, layers.Softmax()(layers.Dense(3)(layers.Dropout(0.5)(pooled))))


LEVELS = layers.Rescaling(1 / 255, offset=-0.5)
MODELS: dict[str, Callable[[], Any]] = {
    "softmax in the dense layer": lambda: built(layers.Dense(2, "softmax"), first=(LEVELS,)),
    "softmax of its own": functional,
    "softmax as an activation": lambda: built(
        layers.Dense(2), layers.Activation("softmax"), first=(LEVELS,)
    ),
}


def theirs(path: Path, levels: torch.Tensor) -> torch.Tensor:
    model = keras.saving.load_model(path, compile=False)
    answers = model(levels.permute(0, 2, 3, 1), training=False)
    return torch.from_numpy(np.array(answers.detach()))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_the_same_answers_as_keras(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"net{ending}"
    MODELS[name]().save(path)
    classifier = load(path)
    pixels = torch.rand(3, 3, SIZE, SIZE)
    logits = classifier.predict_logits(pixels)
    assert classifier.size == SIZE
    assert torch.allclose(logits.softmax(1), theirs(path, pixels * 255), atol=1e-5)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3), atol=1e-3)
    pixels.requires_grad_()
    classifier(pixels)[:, 0].sum().backward()
    assert pixels.grad is not None and bool(pixels.grad.any())


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_unit_becomes_two_classes(tmp_path: Path, activation: str | None) -> None:
    path = tmp_path / "net.keras"
    built(layers.Dense(1, activation), first=(LEVELS,)).save(path)
    pixels = torch.rand(3, 3, SIZE, SIZE)
    logits, answer = load(f"{path}:{SAID}").predict_logits(pixels), theirs(path, pixels * 255)
    chance = answer if activation else answer.sigmoid()
    assert torch.equal(logits[:, 0], torch.zeros(3))
    assert torch.allclose(logits.softmax(1)[:, 1:], chance, atol=1e-5)


def test_without_a_layer_that_states_it_the_scale_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    built(layers.Dense(2)).save(path)
    with pytest.raises(PasunchatError, match=r"net\.keras:scale=0\.\.1;"):
        load(path)
    pixels = torch.rand(3, 3, SIZE, SIZE)
    logits = load(f"{path}:scale=0..255,channels=BGR,mean=104/117/124").predict_logits(pixels)
    caffe = pixels.flip(1) * 255 - torch.tensor([104.0, 117, 124]).view(1, 3, 1, 1)
    assert torch.allclose(logits, theirs(path, caffe), atol=1e-3)


def test_normalization_of_levels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    first = layers.Normalization(mean=[120.0, 110, 100], variance=[900.0] * 3)
    built(layers.Dense(2), first=(first,)).save(path)
    pixels = torch.rand(2, 3, SIZE, SIZE)
    assert torch.allclose(load(path).predict_logits(pixels), theirs(path, pixels * 255), atol=1e-4)


def test_a_lambda_layer_is_refused_before_keras_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    built(layers.Dense(2), first=(layers.Lambda(lambda x: x / 255, name="halve"),)).save(path)
    with pytest.raises(PasunchatError, match='a Lambda layer, "halve", which carries code'):
        load(path)


@keras.saving.register_keras_serializable(package="ours")
class Own(layers.Layer):  # type: ignore[misc, name-defined]
    def call(self, inputs: Any) -> Any:
        return inputs


def test_code_of_ones_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    built(layers.Dense(2), Own()).save(path)
    with pytest.raises(PasunchatError, match=r"net\.keras needs code of yours"):
        load(path)


def test_several_sigmoids_are_refused(tmp_path: Path) -> None:
    built(layers.Dense(2, "sigmoid"), first=(LEVELS,)).save(tmp_path / "net.keras")
    with pytest.raises(PasunchatError, match="2 probabilities that do not depend on each other"):
        load(tmp_path / "net.keras")


def test_what_is_no_classifier_or_no_model_is_refused(tmp_path: Path) -> None:
    built(layers.Dense(2), shape=(SIZE, SIZE, 2)).save(tmp_path / "two.keras")
    built(layers.Dense(2), shape=(SIZE, 20, 3)).save(tmp_path / "wide.keras")
    built(layers.Dense(8), layers.Reshape((2, 4))).save(tmp_path / "rank.keras")
    built(layers.Dense(2)).save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "text.keras").write_text("no model")
    built(layers.Dense(2)).save(tmp_path / "cut.keras")
    cut = tmp_path / "cut.keras"
    cut.write_bytes(cut.read_bytes()[:500])
    for name, named in {
        "two.keras": "no classifier of square images",
        "wide.keras": "16 x 20; expected squares",
        "rank.keras": "no classifier of images: expected outputs",
        "w.weights.h5": "weights only",
        "text.keras": "damaged or no Keras model",
        "cut.keras": "damaged or no Keras model",
    }.items():
        with pytest.raises(PasunchatError, match=named):
            load(f"{tmp_path / name}:scale=0..1")


def test_wrong_number_of_names(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    built(layers.Dense(2), first=(LEVELS,)).save(path)
    with pytest.raises(PasunchatError, match="has 2 classes, but 3 names"):
        load(f"{path}:classes=a/b/c")


def test_a_keras_on_another_backend_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["keras"].config, "backend", lambda: "tensorflow")
    with pytest.raises(PasunchatError, match="runs on tensorflow; start again"):
        keras_on_torch()


def test_keras_is_put_on_torch_whatever_the_environment_says() -> None:
    """In a process of its own: a backend is chosen once, at the first import."""
    code = "from pasunchat.extras import keras_on_torch;print(keras_on_torch().config.backend())"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "torch"
