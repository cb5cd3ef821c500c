"""The kernel's numbers against torch's: in float64 with the same winners, and freely."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

Network, Maker, Run = nn.Sequential, Callable[..., nn.Sequential], Callable[..., Tensor]
SLOPES = torch.tensor([[0.3, -0.3], [-1.0, 1.0], [0.02, -0.02]])


def distance(a: Tensor, b: Tensor) -> float:
    """The norm of the difference, relative to the second's."""
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


def gradients(run: Run, network: Network, pixels: Tensor, slopes: Tensor) -> list[Tensor]:
    """Of pixels and weights."""
    pixels = pixels.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    return list(torch.autograd.grad(run(network, pixels), [pixels, *network.parameters()], slopes))


def winners(network: Network, pixels: Tensor) -> list[Tensor]:
    """Which pixel won in each block, [N, C, H, W], 4 for none, as the kernel decided."""
    from pasunchat.classifiers.fast.kernel import Kernel, lay_out

    size, channels = pixels.shape[2], network.conv1.out_channels
    kernel = Kernel(size, channels, 1)
    weights = lay_out([w.detach().numpy() for w in network.parameters()], size, False)
    rows: list[list[Tensor]] = [[], [], []]
    for photo in pixels.permute(0, 2, 3, 1).contiguous().numpy():
        kernel.run(photo[None], weights, np.zeros((1, 2), np.float32), False, False)
        for block, won in enumerate(kernel.workspaces[0][1]):
            side = size >> (block + 1)
            rows[block].append(torch.from_numpy(won.copy()).long().view(side, side, channels))
    return [torch.stack(block).permute(0, 3, 1, 2) for block in rows]


def with_winners(network: Network, pixels: Tensor, won: list[Tensor]) -> Tensor:
    """The network where relu and pooling take the pixels they are told to."""
    x = pixels
    for block, which in enumerate(won, 1):
        layer = getattr(network, f"conv{block}")
        x = functional.conv2d(x, layer.weight, layer.bias, padding=1)
        four = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 1, 2, 4, 3, 5).flatten(4)
        x = functional.pad(four, (0, 1)).gather(4, which[..., None])[..., 0]
    return functional.linear(x.flatten(1), network.dense.weight, network.dense.bias)


@pytest.mark.parametrize(("size", "width"), [(24, 16), (16, 32), (8, 16)])
def test_agrees_with_float64_with_the_same_winners(
    make_network: Maker, make_pixels: Run, kernel: Run, size: int, width: int
) -> None:
    network, pixels = make_network(size, width), make_pixels(3, size)
    won = winners(network, pixels)
    assert {0, 1, 2, 3, 4} == set(torch.cat([block.flatten() for block in won]).tolist())
    ours = gradients(kernel, network, pixels, SLOPES)
    theirs = gradients(
        lambda network, pixels: with_winners(network, pixels, won),
        network.double(), pixels.double(), SLOPES.double(),
    )  # fmt: skip
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert distance(a, b) < 1e-6


def test_logits_agree_with_torch(make_network: Maker, make_pixels: Run, kernel: Run,
                                 layers: Run) -> None:  # fmt: skip
    network, pixels = make_network(), make_pixels(5)
    assert torch.allclose(kernel(network, pixels), layers(network, pixels), rtol=0, atol=1e-5)


def test_gradients_are_near_torch_s_where_winners_may_differ(
    make_network: Maker, make_pixels: Run, kernel: Run, layers: Run
) -> None:
    network, pixels = make_network(32), make_pixels(3, 32)
    ours = gradients(kernel, network, pixels, SLOPES)
    theirs = gradients(layers, network, pixels, SLOPES)
    assert all(distance(a, b) < 5e-3 for a, b in zip(ours, theirs, strict=True))


def test_the_first_of_equals_wins_in_a_flat_photo(
    make_network: Maker, make_pixels: Run, kernel: Run, layers: Run
) -> None:
    network, pixels = make_network(), make_pixels(3).zero_().add_(0.25)
    ours = gradients(kernel, network, pixels, SLOPES)
    theirs = gradients(layers, network, pixels, SLOPES)
    assert all(distance(a, b) < 1e-5 for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("of", ["weights", "photos", "both"])
def test_slopes_that_are_not_opposite_are_served_too(
    make_network: Maker, make_pixels: Run, kernel: Run, layers: Run, of: str
) -> None:
    network, pixels = make_network(), make_pixels(4)
    slopes = torch.tensor([[1.0, -1.0], [1.0, 0.0], [0.0, 0.0], [1e-9, 2e-9]])
    wanted = {"weights": list(network.parameters()), "photos": [pixels]}.get(of)
    if of != "weights":
        pixels.requires_grad_()
    network.requires_grad_(of != "photos")
    wanted = wanted or [pixels, *network.parameters()]
    found = [torch.autograd.grad(run(network, pixels), wanted, slopes) for run in (kernel, layers)]
    for ours, theirs in zip(*found, strict=True):
        assert distance(ours, theirs) < 1e-4
    if of != "weights":
        ours, theirs = (gradient[0][3] for gradient in found)
        assert distance(ours, theirs) < 1e-4


def test_a_gradient_has_a_gradient(make_network: Maker, make_pixels: Run, layers: Run) -> None:
    from pasunchat.classifiers.fast.dispatch import run as kernel

    network, found = make_network(), []
    scale, shift = torch.full((1, 1, 1, 1), 2.0), torch.tensor([0.1, 0, -0.1]).view(1, 3, 1, 1)
    for run in (
        lambda pixels: kernel(network, pixels, scale, shift),
        lambda pixels: layers(network, pixels * scale + shift),
    ):
        pixels = make_pixels(2).requires_grad_()
        logits = run(pixels)
        assert logits is not None
        loss = functional.cross_entropy(logits, torch.tensor([0, 1]))
        (slope,) = torch.autograd.grad(loss, pixels, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), list(network.parameters())[::2]))
    assert all(distance(a, b) < 1e-4 for a, b in zip(*found, strict=True))


def test_going_back_twice_gives_the_same(make_network: Maker, make_pixels: Run,
                                         kernel: Run) -> None:  # fmt: skip
    network = make_network()
    logits, weights = kernel(network, make_pixels(3)), list(network.parameters())
    first = torch.autograd.grad(logits, weights, torch.ones(3, 2), retain_graph=True)
    again = torch.autograd.grad(logits, weights, torch.ones(3, 2))
    assert all(map(torch.equal, first, again))


def test_twenty_steps_lose_as_torch_s_do(make_network: Maker, make_pixels: Run, kernel: Run,
                                         layers: Run) -> None:  # fmt: skip
    losses: list[list[float]] = []
    for run in (kernel, layers):
        network = make_network(seed=3)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        losses.append([])
        for step in range(20):
            pixels = make_pixels(8, seed=step)
            labels = (pixels[:, 0].mean((1, 2)) > pixels[:, 1].mean((1, 2))).long()
            loss = functional.cross_entropy(run(network, pixels), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert losses[0][-1] != losses[0][0]


@pytest.mark.skipif("NUMBA_CPU_NAME" in os.environ, reason="this is the run held to AVX2")
def test_agrees_when_held_to_avx2() -> None:
    """The narrower tiles, in a process of its own, since numba decides when it is imported."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if not features.get("avx2", False) or not features.get("avx512f", False):
        pytest.skip("this processor has no AVX2, or nothing wider: the tests above ran with it")
    held = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        [*command, "-k", "same_winners and (24 or 32)"],
        cwd=Path(__file__).parents[3], env=held, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
