"""Grey is what Pillow makes of colours, and its gradient that of the weighted sum."""

import numpy as np
import pytest
import torch
from PIL import Image

from pasunchat.classifiers.channels import Channels, grey, in_channels, laid_out
from pasunchat.classifiers.classifier import as_pixels

LUMA = torch.tensor([19595, 38470, 7471]) / 65536


def test_grey_is_pillows_to_the_bit() -> None:
    """Every green and blue, with reds that step through all of theirs."""
    green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    for first in range(0, 256, 64):
        red = (green * 7 + blue * 3 + first) % 256
        image = np.stack([red, green, blue], -1).astype(np.uint8)
        expected = torch.from_numpy(np.asarray(Image.fromarray(image).convert("L")).copy())
        assert torch.equal(grey(as_pixels(image[None]))[0, 0], expected.float() / 255)


def test_between_levels_nothing_is_rounded() -> None:
    pixels = (
        torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 254 + 0.3
    ).floor()
    pixels = (pixels + 0.4) / 255
    assert torch.allclose(grey(pixels)[0, 0], (pixels[0] * LUMA.view(3, 1, 1)).sum(0), atol=1e-6)


@pytest.mark.parametrize("on_grid", [True, False])
def test_the_gradient_is_that_of_the_sum(on_grid: bool) -> None:
    pixels = torch.full((1, 3, 2, 2), (100 if on_grid else 100.4) / 255, requires_grad=True)
    grey(pixels).sum().backward()
    assert pixels.grad is not None
    assert torch.allclose(pixels.grad, LUMA.view(1, 3, 1, 1).expand(1, 3, 2, 2))


@pytest.mark.parametrize(("channels", "shape"), [("RGB", 3), ("BGR", 3), ("L", 1)])
def test_channels(channels: Channels, shape: int) -> None:
    pixels = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
    found = in_channels(pixels, channels)
    assert found.shape == (1, shape, 1, 1)
    if channels != "L":
        assert found.flatten().tolist() == pytest.approx(
            [0.2, 0.4, 0.6] if channels == "RGB" else [0.6, 0.4, 0.2]
        )


def test_layouts() -> None:
    image = torch.arange(6.0).view(1, 1, 2, 3)
    assert laid_out(image, "NCHW").shape == (1, 1, 2, 3)
    assert laid_out(image, "NHWC").shape == (1, 2, 3, 1)
    assert laid_out(image, (6,)).tolist() == [[0, 1, 2, 3, 4, 5]]
    assert laid_out(image, (2, 3)).shape == (1, 2, 3)
