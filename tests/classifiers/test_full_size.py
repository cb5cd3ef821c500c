"""A classifier at a photo's own size says what `predict` says of the saved file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.full_size import fitting, full_size
from pasunchat.errors import PasunchatError
from pasunchat.framing import FRAMINGS, Framing
from pasunchat.photos.image import read_photo, write_png

SIZE = 16


def classifier_for(framing: Framing) -> Classifier:
    return build("simple", classes=("cat", "dog"), size=SIZE, framing=framing, seed=3)


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("shape", [(16, 16), (31, 20), (9, 24), (7, 5)])
def test_it_says_what_is_said_of_the_file(
    framing: Framing, shape: tuple[int, int], tmp_path: Path
) -> None:
    inner, image = classifier_for(framing), photo(*shape)
    write_png(tmp_path / "photo.png", image, {})
    read = read_photo(tmp_path / "photo.png", SIZE, framing)
    of_file = inner.predict_logits(as_pixels(read[None]), batch=1)
    assert torch.equal(full_size(inner).predict_logits(as_pixels(image[None]), batch=1), of_file)


def test_at_the_classifiers_size_it_is_the_classifier() -> None:
    inner = classifier_for("pad")
    pixels = as_pixels(np.stack([photo(SIZE, SIZE, seed) for seed in range(4)]))
    asked = pixels.clone().requires_grad_()
    (ours,) = torch.autograd.grad(full_size(inner).eval()(asked)[:, 0].sum(), asked)
    (its,) = torch.autograd.grad(inner.eval()(asked)[:, 0].sum(), asked)
    assert torch.equal(full_size(inner).predict_logits(pixels), inner.predict_logits(pixels))
    assert torch.allclose(ours, its, rtol=1e-5, atol=1e-8)


def test_its_gradient_is_that_of_a_resize_in_float() -> None:
    inner = classifier_for("squash").eval()
    pixels = as_pixels(photo(29, 40)[None]).requires_grad_()
    (ours,) = torch.autograd.grad(full_size(inner)(pixels)[0, 0], pixels)
    seen = full_size(inner).network.step.forward(photo(29, 40))
    shown = as_pixels(seen[None]).requires_grad_()
    (inside,) = torch.autograd.grad(inner(shown)[0, 0], shown)
    scaled = functional.interpolate(pixels, (SIZE, SIZE), mode="bicubic", antialias=True)
    (floats,) = torch.autograd.grad((scaled * inside).sum(), pixels)
    assert float(ours.abs().max()) > 0
    assert torch.allclose(ours, floats, atol=1e-6 * float(floats.abs().max()) + 1e-9, rtol=1e-3)


def test_pixels_that_are_not_seen_have_no_gradient() -> None:
    pixels = as_pixels(photo(16, 48)[None]).requires_grad_()
    full_size(classifier_for("crop")).eval()(pixels)[0, 0].backward()
    assert pixels.grad is not None
    assert float(pixels.grad[..., :16].abs().max()) == 0 == float(pixels.grad[..., 32:].abs().max())
    assert float(pixels.grad[..., 16:32].abs().max()) > 0


def test_it_keeps_what_the_classifier_is_known_by() -> None:
    inner = classifier_for("crop").eval()
    inner.known_as = "ours"
    wrapped = full_size(inner)
    assert (wrapped.classes, wrapped.size, wrapped.framing) == (("cat", "dog"), None, "crop")
    assert wrapped.known_as == "ours" and not wrapped.training
    assert full_size(inner.train()).training


def test_only_pictures_of_another_size_need_it() -> None:
    inner = classifier_for("pad")
    assert fitting(inner, SIZE, SIZE) is inner
    assert fitting(inner, SIZE, SIZE + 1).size is None


def test_a_classifier_without_a_size_is_refused() -> None:
    any_size = Classifier(torch.nn.Flatten())
    assert fitting(any_size, 7, 9) is any_size
    with pytest.raises(PasunchatError, match="no image size"):
        full_size(any_size)
