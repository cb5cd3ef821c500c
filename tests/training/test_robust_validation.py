"""What is measured after each epoch: on a linear network it is known exactly."""

from dataclasses import replace

import pytest
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.defences import defending
from pasunchat.training.recipe import Recipe
from pasunchat.training.robust_validation import robust_validation, validation_sample
from pasunchat.training.run import Epoch

LEVELS = (10, 48, 49, 50, 51, 60)  # the classes' bright stripes differ by 100


@pytest.fixture(scope="module")
def linear(dataset: Dataset) -> Classifier:
    """A linear network that looks at where the two classes are bright."""
    classifier = build("linear", classes=dataset.classes, size=16)
    layer = next(part for part in classifier.modules() if isinstance(part, torch.nn.Linear))
    pixels, labels = as_pixels(dataset.pixels[:]), torch.from_numpy(dataset.labels)
    means = [classifier.normalised(pixels[labels == k]).mean(0).flatten() for k in (0, 1)]
    with torch.no_grad():
        layer.weight[0], layer.weight[1] = means[0] - means[1], means[1] - means[0]
        layer.bias.zero_()
        middle = classifier(pixels).diff(dim=1).mean() / 2
        layer.bias[0], layer.bias[1] = middle, -middle
    return classifier.eval()


def share_that_withstands(classifier: Classifier, dataset: Dataset, radius: float) -> float:
    """In closed form: each value moves by the radius, or as far as [0, 1] lets it."""
    rows = validation_sample(dataset, 0)
    pixels = as_pixels(dataset.pixels[rows]).requires_grad_()
    labels = torch.from_numpy(dataset.labels[rows])
    logits = classifier(pixels)
    margin = logits.gather(1, labels[:, None])[:, 0] - logits.gather(1, 1 - labels[:, None])[:, 0]
    slope = torch.autograd.grad(margin.sum(), pixels)[0]
    room = torch.where(slope > 0, pixels, 1 - pixels).clamp_max(radius)
    worst = margin - (slope.abs() * room).sum((1, 2, 3))
    right = (worst > 0).double()
    return float(sum(right[labels == k].mean() for k in (0, 1)) / 2)


@pytest.mark.parametrize("levels", LEVELS)
def test_of_a_linear_network_it_is_the_closed_form(
    linear: Classifier, dataset: Dataset, levels: int
) -> None:
    plan = defending(f"linf:{levels}/255")
    found = robust_validation(linear, dataset, plan, Runtime(), 0)
    wanted = share_that_withstands(linear, dataset, levels / 255)
    assert found.accuracy == found.one_step == pytest.approx(wanted)


def test_the_linear_case_covers_more_than_all_and_none(
    linear: Classifier, dataset: Dataset
) -> None:
    found = {share_that_withstands(linear, dataset, levels / 255) for levels in LEVELS}
    assert len(found) > 2


def test_under_noise_it_falls_as_the_noise_grows(linear: Classifier, dataset: Dataset) -> None:
    found = [
        robust_validation(linear, dataset, defending(f"noise:{sigma}"), Runtime(), 0)
        for sigma in (0.01, 50)
    ]
    assert found[0].accuracy > 0.9 > 0.7 > found[1].accuracy
    assert found[0].one_step is None


def test_one_answer_for_all_is_right_for_one_class_of_two(
    linear: Classifier, dataset: Dataset
) -> None:
    constant = build("linear", classes=dataset.classes, size=16)
    layer = next(part for part in constant.modules() if isinstance(part, torch.nn.Linear))
    torch.nn.init.zeros_(layer.weight)
    layer.bias.data.copy_(torch.tensor([1.0, 0.0]))
    found = robust_validation(constant, dataset, defending("linf:1/255"), Runtime(), 0)
    assert found.accuracy == 0.5 and found.answers == (1.0, 0.0)


def test_it_leaves_the_classifier_as_it_was(linear: Classifier, dataset: Dataset) -> None:
    classifier = build("simple:batch_norm=true", classes=dataset.classes, size=16).train()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    robust_validation(classifier, dataset, defending("linf:1/255"), Runtime(), 0)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert classifier.training and all(p.requires_grad for p in classifier.parameters())


ROW = Epoch(1, 0.5, 0.5, 0.8, 0.5, 0.8, None, 0.6, 0.6, (0.5, 0.5))


def test_the_better_epoch_withstands_more_then_loses_less_and_never_answers_the_same() -> None:
    more = replace(ROW, robust_accuracy=0.61, validation_loss=0.9)
    less = replace(ROW, validation_loss=0.4)
    same = replace(ROW, robust_accuracy=0.7, attacked_answers=(1.0, 0.0))
    assert more.is_better_than(ROW) and not ROW.is_better_than(more)
    assert less.is_better_than(ROW) and not ROW.is_better_than(less)
    assert ROW.is_better_than(same) and not same.is_better_than(ROW)
    assert not ROW.is_better_than(ROW)


def test_a_plain_recipe_measures_none_of_it() -> None:
    assert Recipe().defend is None and Epoch(1, 0.5, 0.5, 0.8, 0.5, 0.8).robust_accuracy is None
