"""The matrices of resize and framing, against Pillow, torch and `frame`."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from pasunchat.classifiers.resampling import bicubic_weights, framing_weights
from pasunchat.framing import FRAMINGS, Framing, frame

LENGTHS = [(24, 24), (24, 12), (23, 16), (17, 5), (9, 24), (1, 6), (40, 1)]
TWICE_ROUNDED = 1.1  # half a level after each axis, the first spread by weights of sum |w| < 1.2
SHAPES = [(24, 24), (23, 17), (12, 40), (9, 31), (16, 16), (5, 3)]


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """A picture without overshoots: Pillow cuts those to 0..255 between its two passes."""
    coarse = np.random.default_rng(height * 100 + width).integers(60, 190, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("length", "wanted"), LENGTHS)
def test_weights_are_those_of_torch_with_antialias(length: int, wanted: int) -> None:
    every_pixel = torch.eye(length).view(length, 1, 1, length)
    torchs = functional.interpolate(every_pixel, (1, wanted), mode="bicubic", antialias=True)
    assert torch.allclose(bicubic_weights(length, wanted), torchs[:, 0, 0].T, atol=2e-6)


@pytest.mark.parametrize(("length", "wanted"), LENGTHS)
def test_a_picture_of_one_value_stays_so(length: int, wanted: int) -> None:
    assert torch.allclose(bicubic_weights(length, wanted).sum(1), torch.ones(wanted), atol=1e-6)


def test_no_scaling_is_the_identity() -> None:
    assert torch.equal(bicubic_weights(7, 7), torch.eye(7))
    assert torch.equal(bicubic_weights(9, 5, 2.0, 7.0), torch.eye(9)[2:7])


def test_a_part_of_the_picture_is_scaled_as_pillow_scales_it() -> None:
    picture = smooth(24, 24)
    pillows = Image.fromarray(picture).resize((9, 9), Image.Resampling.BICUBIC, box=(3, 5, 20, 21))
    rows, columns = bicubic_weights(24, 9, 5.0, 21.0), bicubic_weights(24, 9, 3.0, 20.0)
    ours = rows @ torch.from_numpy(picture.copy()).permute(2, 0, 1).float() @ columns.T
    assert np.abs(ours.permute(1, 2, 0).numpy() - np.asarray(pillows)).max() < TWICE_ROUNDED


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("size", [16, 11])
def test_framing_is_two_matrices(height: int, width: int, size: int, framing: Framing) -> None:
    picture = smooth(height, width)
    rows, columns = framing_weights(height, width, size, framing)
    ours = rows @ torch.from_numpy(picture.copy()).permute(2, 0, 1).float() @ columns.T
    pillows = frame(Image.fromarray(picture), size, framing)
    assert np.abs(ours.permute(1, 2, 0).numpy() - pillows).max() < TWICE_ROUNDED
