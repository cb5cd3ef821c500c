"""What a fooling picture survives, and a search that demands it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax
from pasunchat.classifiers.full_size import fitting, full_size
from pasunchat.errors import PasunchatError
from pasunchat.fooled.survival import LADDER, as_saved, survival, surviving
from pasunchat.fooled.transforms import transforms
from pasunchat.measures.predict import predict

SIZE = 16
DEMANDED = transforms("brightness:0.8,resize:0.5,jpeg:75")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog"), size=SIZE, seed=3)


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def other(classifier: Classifier, image: NDArray[np.uint8]) -> Goal:
    """To be read as the class that the picture is not."""
    return Goal(1 - classifier.logits(image[None]).argmax(1))


def margins(classifier: Classifier, image: NDArray[np.uint8], goal: Goal) -> list[float]:
    """Of the picture as saved and after each of DEMANDED, each made here by Pillow alone."""
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.save(file, "JPEG", quality=75)
    half = picture.resize((SIZE // 2, SIZE // 2), Image.Resampling.BICUBIC)
    made = [
        image,
        np.asarray(Image.blend(Image.new("RGB", picture.size), picture, 0.8)),
        np.asarray(half.resize((SIZE, SIZE), Image.Resampling.BICUBIC)),
        np.asarray(Image.open(file)),
    ]
    logits = classifier.predict_logits(as_pixels(np.stack(made)), batch=1)
    return goal.rows(torch.zeros(4, dtype=torch.int64)).margin(logits).tolist()


def test_the_ladder_says_what_predict_says_of_the_changed_files(
    classifier: Classifier, other: Goal, tmp_path: Path
) -> None:
    large = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    half = Image.fromarray(large).resize((20, 15), Image.Resampling.BICUBIC)
    half.save(tmp_path / "half.png")
    Image.fromarray(large).save(tmp_path / "large.jpg", quality=75)
    said = predict(classifier, [tmp_path / "half.png", tmp_path / "large.jpg"])
    found = survival(classifier, large, other, transforms("resize:0.5,jpeg:75"))
    name = classifier.class_name(int(other.classes))
    for one, prediction in zip(found, said, strict=True):
        assert one.confidence == pytest.approx(prediction.probabilities[name], abs=1e-6)
        assert one.survives == (prediction.prediction.label == name)


def test_the_whole_ladder_is_reported(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    found = survival(classifier, image, other)
    assert [one.transform for one in found] == [one.word for one in LADDER]
    assert all(one.survives == (one.confidence > 0.5) for one in found)


def test_to_leave_a_class_is_the_rest_of_its_confidence(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    leave = Goal(1 - other.classes, targeted=False)
    reached, left = (survival(classifier, image, goal) for goal in (other, leave))
    assert [one.survives for one in reached] == [one.survives for one in left]
    for one, another in zip(reached, left, strict=True):
        assert one.confidence == pytest.approx(another.confidence)


def test_its_logits_are_those_of_the_worst_transform(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    for goal in (other, Goal(1 - other.classes)):
        worst = surviving(classifier, DEMANDED, goal).predict_logits(
            as_pixels(image[None]), batch=1
        )
        assert goal.margin(worst).item() == min(margins(classifier, image, goal))


def test_each_row_has_its_own_worst_and_the_same_bits_in_any_company(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    demanding = surviving(classifier, DEMANDED, other).eval()
    noise = np.random.default_rng(2).integers(0, 256, (7, SIZE, SIZE, 3), np.uint8)
    pixels = as_pixels(np.concatenate([image[None], noise]))

    def asked(rows: Tensor) -> tuple[Tensor, Tensor]:
        some = pixels[rows].requires_grad_()
        logits = demanding(some)
        (gradient,) = torch.autograd.grad(logits[:, int(other.classes)].sum(), some)
        return logits.detach(), gradient

    every = asked(torch.arange(8))
    part = asked(torch.tensor([5, 0, 3, 6]))
    assert torch.equal(part[0], every[0][[5, 0, 3, 6]])
    assert torch.equal(part[1], every[1][[5, 0, 3, 6]])
    assert torch.equal(every[0], demanding.predict_logits(pixels))


def test_an_attack_on_it_survives_what_it_demands_and_pays_for_it(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    pixels = as_pixels(image[None])
    plain = fool(classifier, pixels, goal=other, attack="turning")
    assert min(margins(classifier, as_images(plain.pixels)[0], other)) < 0
    demanding = surviving(classifier, DEMANDED, other)
    found = fool(demanding, pixels, goal=other, attack="turning")
    assert found.status == (Status.REACHED,)
    assert min(margins(classifier, as_images(found.pixels)[0], other)) > 0
    assert found.distance.item() > plain.distance.item()
    outcome = survival(classifier, as_images(found.pixels)[0], other, DEMANDED)
    assert all(one.survives for one in outcome)


def test_as_saved_gives_the_classifiers_own_logits(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    demanding = surviving(classifier, DEMANDED, other)
    found = fool(demanding, as_pixels(image[None]), goal=other, attack="learned-noise:lr=0.01")
    plain = as_saved(classifier, found, other)
    assert torch.equal(plain.after_logits, classifier.predict_logits(found.pixels, batch=1))
    assert torch.equal(plain.before_logits, classifier.predict_logits(found.photos, batch=1))
    assert torch.equal(plain.margin, other.margin(plain.after_logits))
    assert plain.margin.item() >= found.margin.item() and plain.status == found.status


def test_nothing_demanded_is_the_classifier_at_any_size(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    nothing = surviving(classifier, (), other)
    assert torch.equal(
        nothing.predict_logits(as_pixels(image[None])),
        classifier.predict_logits(as_pixels(image[None])),
    )
    wide = as_pixels(np.random.default_rng(3).integers(0, 256, (2, 20, 33, 3), np.uint8))
    assert torch.equal(nothing.predict_logits(wide), full_size(classifier).predict_logits(wide))
    assert fitting(nothing, 20, 33) is nothing  # framed once, after the transforms


def test_a_classifier_without_a_size_is_refused(image: NDArray[np.uint8], other: Goal) -> None:
    any_size = Classifier(torch.nn.Flatten())
    with pytest.raises(PasunchatError, match="no image size"):
        survival(any_size, image, other)
    with pytest.raises(PasunchatError, match="no image size"):
        surviving(any_size, DEMANDED, other)


def test_the_confidence_a_goal_asks_for_is_not_counted_in_the_ladder(
    classifier: Classifier, image: NDArray[np.uint8], other: Goal
) -> None:
    surer = Goal(1 - other.classes, confidence=0.99999)
    assert not surer.reached(classifier.logits(image[None])).item()
    found = survival(classifier, image, surer, transforms("crop:1"))
    sure = softmax(classifier.logits(image[None])).max()
    assert found[0].survives and found[0].confidence == pytest.approx(sure)
