"""The talk's networks against its slides, and the order relu - pooling against the plain one."""

import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks.talk import Dense, start_as_keras
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator


def test_simple_gives_the_bits_of_convolution_relu_pooling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASUNCHAT_FAST", "0")  # the kernel sums in another order
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


def test_simple_without_settings_is_the_talk_s_to_the_name() -> None:
    names = [*dict(build("simple", classes=("cat", "dog"), size=32).network.named_children())]
    steps = [f"{step}{block}" for block in (1, 2, 3) for step in ("conv", "pool", "relu")]
    assert names == [*steps, "flatten", "dense"]


def test_simple_goes_deeper_and_wider() -> None:
    network = build("simple:width=8,depth=4", classes=("cat", "dog"), size=32).network
    assert network.conv4.weight.shape == (8, 8, 3, 3)
    assert network.dense.in_features == 8 * 2 * 2
    with pytest.raises(PasunchatError, match="depth 4 halves its input 4 times: size 16 or more"):
        build("simple:depth=4", classes=("cat", "dog"), size=15)
    with pytest.raises(PasunchatError, match="weights"):
        build("simple:width=100000", classes=("cat", "dog"))


def test_simple_with_batch_norm_and_dropout() -> None:
    network = build("simple:batch_norm=true,dropout=0.5", classes=("cat", "dog"), size=32).network
    names = [*dict(network.named_children())]
    assert names[:4] == ["conv1", "norm1", "pool1", "relu1"]
    assert names[-3:] == ["flatten", "dropout", "dense"]
    assert network.conv1.bias is None
    for setting in ("dropout=1", "width=0", "depth=0"):
        with pytest.raises(PasunchatError, match=f"{setting.partition('=')[0]}: expected"):
            build(f"simple:{setting}", classes=("cat", "dog"), size=32)
