import numpy as np
import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax


def identity() -> nn.Module:
    return nn.Flatten()


def test_any_module_is_wrapped_in_one_line_and_sees_normalised_pixels() -> None:
    classifier = Classifier(identity(), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    pixels = torch.full((1, 3, 1, 1), 0.5)
    assert classifier(pixels).tolist() == [pytest.approx([0.4, 0.15, 0.05])]


def test_pixels_and_images_are_each_other_s_inverse() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    pixels = as_pixels(images)
    assert pixels.shape == (2, 3, 4, 4)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert pixels[0, 1, 2, 3].item() == pytest.approx(images[0, 2, 3, 1] / 255)
    assert np.array_equal(as_images(pixels), images)


def test_images_are_never_rounded_silently() -> None:
    with pytest.raises(ValueError, match="256 levels"):
        as_images(torch.full((1, 3, 2, 2), 0.5))


def test_judging_leaves_mode_and_batch_size_without_effect() -> None:
    classifier = build("simple", classes=("cat", "dog"), size=16).train()
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    whole, parts = classifier.logits(images), classifier.logits(images, batch=2)
    assert classifier.training
    assert torch.allclose(whole, parts, atol=1e-6)
    assert torch.equal(classifier.logits(images, np.array([3, 1])), whole[[3, 1]])


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    classifier = build("linear", classes=("cat", "dog", "fox"), size=8)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    found = classifier.probabilities(images)
    assert found == pytest.approx(softmax(classifier.logits(images)))
    assert found.sum(1) == pytest.approx(np.ones(4))


def test_classes_without_names_are_numbers() -> None:
    assert Classifier(identity()).class_name(7) == "7"
    assert Classifier(identity(), classes=("cat", "dog")).class_name(1) == "dog"


def test_digest_tells_weights_and_facts_apart() -> None:
    first = build("simple", classes=("cat", "dog"), size=16, seed=0)
    assert first.digest() == build("simple", classes=("cat", "dog"), size=16, seed=0).digest()
    assert first.digest() != build("simple", classes=("cat", "dog"), size=16, seed=1).digest()
    assert first.digest() != build("simple", classes=("dog", "cat"), size=16, seed=0).digest()
