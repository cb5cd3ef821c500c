"""A network as plain steps, asked by torch: the same answers, or a reason in one line."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.pack.steps import ask
from pasunchat.pack.weights import MOST_NUMBERS, CannotRunInPage, columns_first, network_in_page

CLASSES = ("cat", "dog")


def asked_alike(classifier, image) -> bool:
    pixels = as_pixels(image[None])
    expected = classifier.predict_logits(pixels)
    return torch.allclose(ask(network_in_page(classifier), pixels), expected, atol=1e-5)


@pytest.mark.parametrize("network", ["simple", "simple:batch_norm=true", "linear", "tiny"])
def test_a_network_of_ours_answers_the_same_as_steps(network, noise):
    assert asked_alike(build(network, classes=CLASSES, size=32, mirrored=True), noise(32))


class Functions(nn.Module):
    """What others write: functions instead of modules, a view of what a size says."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding="same"), nn.Conv2d(4, 4, 1)
        self.norm, self.dense = nn.BatchNorm2d(4), nn.Linear(8, 2)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.first(x)), 2)
        x = self.norm(x + self.second(x))
        x = torch.cat([x.mean((2, 3)), functional.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)], 1)
        return self.dense(functional.dropout(x, training=self.training))


def test_functions_are_steps_too(noise):
    assert asked_alike(Classifier(Functions().eval(), classes=CLASSES, size=16), noise(16))


def test_batch_norm_is_folded_into_the_convolution_before_it():
    network = network_in_page(build("simple:batch_norm=true", classes=CLASSES, size=32))
    assert {step.op for step in network.steps} == {"conv", "max", "relu", "flatten", "dense"}


class Gate(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


def plain(*layers: nn.Module, **settings) -> Classifier:
    return Classifier(nn.Sequential(*layers).eval(), **{"size": 8, **settings})


REFUSED = {
    "states no size": lambda: plain(nn.Flatten(), nn.Linear(192, 2), size=None),
    "in a form that a page does not make": lambda: plain(
        nn.Flatten(), nn.Linear(64, 2), channels="L"
    ),
    "ends in no plain logits": lambda: plain(nn.Flatten(), nn.Linear(192, 2), nn.Softmax(1)),
    "a step that a page does not know: GELU": lambda: plain(
        nn.Flatten(), nn.Linear(192, 2), nn.GELU()
    ),
    "depend on more than its input": lambda: plain(Gate()),
    f"up to {MOST_NUMBERS:,}": lambda: plain(
        nn.Flatten(), nn.Linear(192, 1100), nn.Linear(1100, 2)
    ),
    "does not know the convolution": lambda: plain(
        nn.Conv2d(3, 2, 3, dilation=2), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
    "does not know the pooling": lambda: plain(
        nn.MaxPool2d(3, ceil_mode=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_another_network_is_refused_in_one_line(reason):
    with pytest.raises(CannotRunInPage, match=reason) as refused:
        network_in_page(REFUSED[reason]())
    assert "\n" not in str(refused.value)


def test_the_way_of_resizing_follows_pillow():
    assert [columns_first(version) for version in ("11.3.0", "12.1.1", "13.0.0")] == [
        False,
        False,
        True,
    ]
