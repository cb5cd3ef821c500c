"""A small `simple`, run by the kernel and by torch's layers; skipped without numba."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.fast import dispatch


@pytest.fixture(autouse=True)
def _kernel_at_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pytest.importorskip("numba", reason="the extra `fast` (numba) is not installed")
    monkeypatch.delenv(dispatch.SWITCH, raising=False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def new_network(size: int = 24, width: int = 16, seed: int = 0) -> nn.Sequential:
    network = build(f"simple:width={width}", classes=("cat", "dog"), size=size, seed=seed).network
    with torch.no_grad():  # biases start at zero, where a mistake would not show
        for tensor in network.parameters():
            if tensor.dim() == 1:
                tensor.copy_(torch.linspace(-0.1, 0.1, len(tensor)))
    assert isinstance(network, nn.Sequential)
    return network


def new_pixels(count: int, size: int = 24, seed: int = 0) -> Tensor:
    drawn = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) - 0.5
    return drawn.contiguous(memory_format=torch.channels_last)


def by_layers(network: nn.Sequential, pixels: Tensor) -> Tensor:
    logits: Tensor = network(pixels)
    return logits


def by_kernel(network: nn.Sequential, pixels: Tensor) -> Tensor:
    """By the kernel, or a failed test; pixels as the network sees them, already normalised."""
    one = torch.ones(1, 1, 1, 1)
    logits = dispatch.run(network, pixels, one, torch.zeros_like(one))
    assert logits is not None, "the kernel does not serve"
    return logits


@pytest.fixture
def make_network() -> Callable[..., nn.Sequential]:
    return new_network


@pytest.fixture
def make_pixels() -> Callable[..., Tensor]:
    return new_pixels


@pytest.fixture
def layers() -> Callable[..., Tensor]:
    return by_layers


@pytest.fixture
def kernel() -> Callable[..., Tensor]:
    return by_kernel
