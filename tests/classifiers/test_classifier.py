from math import exp

import numpy as np
import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax
from pasunchat.classifiers.info import ClassifierInfo


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


def test_mode_and_batch_size_have_no_effect_on_logits() -> None:
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


def test_a_prediction_is_the_most_likely_class_and_its_probability() -> None:
    classifier = Classifier(identity(), classes=("red", "green", "blue"))
    green = np.array([[[[0, 255, 51]]]], np.uint8)  # logits 0, 1, 0.2
    (found,) = classifier.predict(green)
    assert found.label == "green"
    assert found.confidence == pytest.approx(exp(1) / (1 + exp(1) + exp(0.2)))
    assert classifier.predictions_from_logits(classifier.logits(green)) == [found]


def test_of_equally_likely_classes_the_first_is_predicted() -> None:
    tied = torch.tensor([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    found = Classifier(identity(), classes=("a", "b", "c")).predictions_from_logits(tied)
    assert [each.label for each in found] == ["b", "a"]
    assert found[1].confidence == pytest.approx(1 / 3)


def test_classes_without_names_are_numbers() -> None:
    assert Classifier(identity()).class_name(7) == "7"
    assert Classifier(identity(), classes=("cat", "dog")).class_name(1) == "dog"
    (found,) = Classifier(identity()).predictions_from_logits(torch.tensor([[0.0, 1.0]]))
    assert found.label == "1"


def test_keywords_make_the_info_and_the_info_makes_the_same_classifier() -> None:
    by_keywords = Classifier(identity(), mean=0.5, classes=["cat", "dog"], size=4, framing="crop")
    info = ClassifierInfo(classes=("cat", "dog"), size=4, framing="crop")
    assert by_keywords.info == info
    assert (by_keywords.classes, by_keywords.size, by_keywords.framing) == (
        ("cat", "dog"),
        4,
        "crop",
    )
    by_info = Classifier.with_info(identity(), info, mean=0.5)
    assert by_info.info == info and by_info.digest() == by_keywords.digest()


def test_mirrored_is_the_mean_with_the_mirror_image_outside_training() -> None:
    classifier = Classifier.with_info(identity(), ClassifierInfo(mirrored=True))
    pixels = torch.tensor([[[[0.0, 1.0]]]])
    assert classifier.train()(pixels).tolist() == [[0.0, 1.0]]
    assert classifier.eval()(pixels).tolist() == [[0.5, 0.5]]


def test_digest_tells_weights_and_classes_apart() -> None:
    first = build("simple", classes=("cat", "dog"), size=16, seed=0)
    assert first.digest() == build("simple", classes=("cat", "dog"), size=16, seed=0).digest()
    assert first.digest() != build("simple", classes=("cat", "dog"), size=16, seed=1).digest()
    assert first.digest() != build("simple", classes=("dog", "cat"), size=16, seed=0).digest()
