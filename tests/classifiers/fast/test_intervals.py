"""The kernel's interval bounds are those of torch's layers, with their gradients, and hold."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.fast import dispatch
from pasunchat.classifiers.fast.intervals import worst_margins

Maker, Run = Callable[..., nn.Sequential], Callable[..., Tensor]
LABELS, RADIUS = torch.tensor([0, 1, 1, 0, 1]), 2 / 255
SCALE, SHIFT = torch.tensor([2.0, 3.0, 4.0])[:, None, None][None], torch.full((1, 3, 1, 1), -0.5)


def possible(network: nn.Module, pixels: Tensor, labels: Tensor = LABELS) -> Tensor:
    found = worst_margins(network, pixels, RADIUS, labels, SCALE, SHIFT)
    assert found is not None, "the kernel does not serve"
    return found


def by_layers(network: nn.Sequential, pixels: Tensor) -> Tensor:
    """The same, layer by layer, with centres and how far from them; in the first layer as far
    everywhere as in the middle of the picture."""
    *layers, last = network
    assert isinstance(last, nn.Linear)
    middle, half = pixels * SCALE + SHIFT, RADIUS * SCALE
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            spread = functional.conv2d(half, layer.weight.abs(), padding=1)
            reach = (layer.weight.abs() * half).sum((1, 2, 3)) if place == 0 else None
            middle, half = layer(middle), spread if reach is None else reach[:, None, None]
        else:
            low, high = layer(middle - half), layer(middle + half)
            middle, half = (low + high) / 2, (high - low) / 2
    row, constant = last.weight[1] - last.weight[0], last.bias[1] - last.bias[0]
    most = torch.stack([half @ row.abs() + side * (middle @ row + constant) for side in (1, -1)])
    return most[LABELS, torch.arange(len(LABELS))]


@pytest.mark.parametrize("width", [16, 32])
def test_bounds_and_gradients_are_those_of_the_layers(
    make_network: Maker, make_pixels: Run, width: int
) -> None:
    network, pixels = make_network(width=width), make_pixels(len(LABELS))
    weights = list(network.parameters())
    wanted, found = by_layers(network, pixels), possible(network, pixels)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)
    slopes = [
        torch.autograd.grad(functional.softplus(each).sum(), weights) for each in (wanted, found)
    ]
    for want, got in zip(*slopes, strict=True):
        assert torch.allclose(got, want, rtol=1e-3, atol=1e-3 * float(want.abs().max()))


def test_no_change_within_the_radius_goes_beyond(make_network: Maker, make_pixels: Run) -> None:
    network, pixels = make_network(), make_pixels(len(LABELS))
    most, side = possible(network, pixels), 1 - 2 * LABELS
    draws = 2 * torch.rand(50, *pixels.shape, generator=torch.Generator().manual_seed(1)) - 1
    for draw in torch.cat([draws, draws.sign()]):
        logits = network((pixels + RADIUS * draw) * SCALE + SHIFT)
        assert (side * (logits[:, 1] - logits[:, 0]) <= most + 1e-4).all()


def test_photos_of_one_class_are_no_exception(make_network: Maker, make_pixels: Run) -> None:
    network, pixels = make_network(), make_pixels(len(LABELS))
    cats = LABELS == 0
    alone = possible(network, pixels[cats], LABELS[cats])
    assert torch.allclose(alone, possible(network, pixels)[cats], atol=1e-5)


def test_where_the_kernel_does_not_serve_there_are_none(
    make_network: Maker, make_pixels: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = make_pixels(len(LABELS))
    three = build("simple", classes=("a", "b", "c"), size=24).network
    assert worst_margins(three, pixels, RADIUS, LABELS, SCALE, SHIFT) is None
    monkeypatch.setenv(dispatch.SWITCH, "0")
    assert worst_margins(make_network(), pixels, RADIUS, LABELS, SCALE, SHIFT) is None
