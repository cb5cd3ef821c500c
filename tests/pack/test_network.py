"""The network in the page: its answers and gradients are the program's."""

import base64
import json

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.load import load
from pasunchat.pack.weights import network_in_page

THREE = ("cat", "dog", "fox")


def mean_pooled() -> Classifier:
    """Kernels of 5 and 3, strides, groups, mean pooling, a batch norm, BGR, its own names."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 6, 5, stride=2, padding=2), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d(2), nn.Conv2d(6, 12, 3, groups=3), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip
    layers[1].running_mean.uniform_(-1, 1)
    layers[1].running_var.uniform_(0.5, 2)
    return Classifier(
        layers.eval(), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), classes=THREE, size=40,
        channels="BGR",
    )  # fmt: skip


NETWORKS = {
    "simple, shipped": lambda: load("shipped:simple"),
    "tiny, shipped": lambda: load("shipped:tiny"),
    "simple, three classes": lambda: build("simple", classes=THREE, size=48),
    "simple, mirrored": lambda: build("simple:width=5", classes=THREE, size=33, mirrored=True),
    "simple, batch norm": lambda: build("simple:batch_norm=true", classes=THREE, size=40),
    "linear": lambda: build("linear", classes=("cat", "dog"), size=32),
    "dense": lambda: build("dense:units=8", classes=THREE, size=32),
    "residual": lambda: build("residual:width=8,depth=1", classes=THREE, size=48),
    "mean-pooled": mean_pooled,
}
ANSWER = """
const net = probe.openNetwork(v.network);
const pixels = probe.pixelsOf(Uint8Array.from(atob(v.image), (c) => c.charCodeAt(0)));
const logits = await probe.inSlices(probe.logitsOf(net, pixels));
const slope = await probe.inSlices(probe.slopeAt(net, pixels, () => v.seed));
return { logits: [...logits], with: [...slope.logits], gradient: [...slope.gradient] };
"""


def largest_difference(found, expected) -> float:
    """As a share of the largest number."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_and_gradients_are_the_programs(name, ask, noise):
    classifier = NETWORKS[name]().eval()
    image, seed = noise(classifier.size), [0.7, -1.3, 0.4][: len(classifier.classes)]
    expected = classifier.predict_logits(as_pixels(image[None]))[0].numpy()
    pixels = as_pixels(image[None]).requires_grad_()
    (classifier(pixels)[0] * torch.tensor(seed)).sum().backward()
    network = json.loads(msgspec.json.encode(network_in_page(classifier)))
    found = ask(ANSWER, network=network, image=base64.b64encode(image).decode(), seed=seed)
    assert largest_difference(found["logits"], expected) < 1e-4
    assert found["with"] == found["logits"]
    assert largest_difference(found["gradient"], pixels.grad.numpy().reshape(-1)) < 1e-4


def test_no_slice_of_work_is_long(ask, noise):
    """Between two yields little is computed. Counted, since a clock measures the machine."""
    classifier = load("shipped:simple")
    network = json.loads(msgspec.json.encode(network_in_page(classifier)))
    slices = ask(
        """
        const net = probe.openNetwork(v.network);
        const pixels = new Float32Array(3 * 224 * 224).fill(0.5);
        let count = 0;
        for (const _ of probe.slopeAt(net, pixels, () => [1, -1])) count++;
        return count;
        """,
        network=network,
    )
    assert slices > 500  # of some 250 million products: less than a millisecond each


def test_the_sum_of_a_unit_is_taken_apart(ask, noise):
    classifier = build("simple", classes=THREE, size=32)
    image = noise(32)
    network = json.loads(msgspec.json.encode(network_in_page(classifier)))
    found = ask(
        """
        const net = probe.openNetwork(v.network);
        const pixels = probe.pixelsOf(Uint8Array.from(atob(v.image), (c) => c.charCodeAt(0)));
        const values = await probe.inSlices(probe.forward(net, pixels));
        const at = (...place) => probe.sumAt(net, values, ...place);
        return { inside: at(0, 3, 10, 11), corner: at(0, 3, 0, 0), dense: at(10, 1, 0, 0) };
        """,
        network=network,
        image=base64.b64encode(image).decode(),
    )
    with torch.no_grad():
        conv = classifier.network.conv1(classifier.normalised(as_pixels(image[None])))[0]
        logits = classifier(as_pixels(image[None]))[0]
    for name, expected in (
        ("inside", conv[3, 10, 11]),
        ("corner", conv[3, 0, 0]),
        ("dense", logits[1]),
    ):
        terms, bias = found[name]["terms"], found[name]["bias"]
        assert sum(t["product"] for t in terms) + bias == pytest.approx(float(expected), abs=1e-5)
        assert all(t["product"] == t["value"] * t["weight"] for t in terms)
    assert [(t["map"], t["dy"], t["dx"]) for t in found["inside"]["terms"]][:4] == [
        (0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 0),
    ]  # fmt: skip
    assert {t["value"] for t in found["corner"]["terms"] if t["dy"] == 0 or t["dx"] == 0} == {0}
