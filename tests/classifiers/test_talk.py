"""The talk's networks against its slides, and the order relu - pooling against the plain one."""

import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks.talk import Dense, start_as_keras
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator


def test_simple_gives_the_bits_of_convolution_relu_pooling() -> None:
    ours = build("simple", classes=("cat", "dog"), size=32).network
    plain = nn.Sequential(
        *[layer for k in (1, 2, 3) for layer in (getattr(ours, f"conv{k}"), nn.ReLU(),
                                                 nn.MaxPool2d(2))],
        nn.Flatten(),
        ours.dense,
    )  # fmt: skip
    answers, slopes = [], []
    for network in (ours, plain):
        pixels = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
        pixels = pixels.contiguous(memory_format=torch.channels_last).requires_grad_()
        network.zero_grad()
        logits = network(pixels)
        logits.square().sum().backward()
        answers.append(logits)
        slopes.append([pixels.grad, *[p.grad.clone() for p in network.parameters()]])
    assert torch.equal(*answers)
    assert all(torch.equal(a, b) for a, b in zip(*slopes, strict=True))


def test_weights_start_glorot_uniform_and_biases_at_zero() -> None:
    layer = nn.Conv2d(16, 16, 3)
    start_as_keras(layer, generator(0))
    limit = (6 / (16 * 9 + 16 * 9)) ** 0.5
    assert layer.bias.abs().max() == 0
    assert 0.95 * limit < layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)


def test_dense_refuses_the_talk_s_size_before_allocating() -> None:
    with pytest.raises(PasunchatError) as refused:
        build("dense:units=50176", classes=("cat", "dog"))
    message = str(refused.value)
    assert "7,552,993,280 weights" in message
    assert "50,178 biases" in message
    assert "simple" in message


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(PasunchatError, match="units: expected 1 or more, got 0"):
        build("dense:units=0", classes=("cat", "dog"))
    with pytest.raises(PasunchatError, match="units"):
        build("dense:width=3", classes=("cat", "dog"))
    with pytest.raises(PasunchatError, match="size 8 or more"):
        build("simple", classes=("cat", "dog"), size=4)


def test_a_setting_reaches_the_network() -> None:
    assert build("dense:units=5", classes=("cat", "dog"), size=8).network.hidden.out_features == 5
    assert Dense().units == 64
