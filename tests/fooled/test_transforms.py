"""What may happen to a picture: forward by Pillow, backward by the transpose of the same; and the
words for it."""

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pasunchat.classifiers.on_images import Step
from pasunchat.errors import PasunchatError
from pasunchat.fooled.transforms import (
    TRANSFORMS,
    Brightness,
    Crop,
    Jpeg,
    Resize,
    Rotate,
    Same,
    transforms,
)

SHAPES = [(24, 24), (23, 17), (9, 20)]
LINEAR = [
    Same(),
    Resize(0.5),
    Resize(0.75),
    Resize(1.7),
    Crop(0.9),
    Crop(0.5),
    Rotate(3),
    Rotate(-40),
    Rotate(90),
    Brightness(0.9),
    Brightness(1.2),
]


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """Values from 60 to 190, so that nothing is cut at black or white."""
    coarse = np.random.default_rng(height * 100 + width).integers(60, 190, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("step", LINEAR)
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_backward_is_the_transpose_of_forward(step: Step, height: int, width: int) -> None:
    image = smooth(height, width)
    values, after = torch.from_numpy(image.copy()).permute(2, 0, 1).float(), step.forward(image)
    assert after.dtype == np.uint8
    for place in ((0, 0), (after.shape[0] // 2, after.shape[1] // 3), (-1, -1), (0, -1)):
        for channel in range(3):
            one = torch.zeros(3, *after.shape[:2])
            one[channel, *place] = 1
            linear = float((step.backward(image, one) * values).sum())
            assert abs(linear - int(after[*place, channel])) < 1.1  # rounded or cut to levels


def test_jpeg_is_what_pillow_writes_and_reads() -> None:
    image, file = smooth(23, 17), io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    assert np.array_equal(Jpeg(75).forward(image), np.asarray(Image.open(file)))
    far = [np.abs(Jpeg(quality).forward(image).astype(int) - image).mean() for quality in (95, 10)]
    assert 0 < far[0] < far[1]


def test_jpegs_gradient_keeps_greys_and_halves_colours() -> None:
    image = smooth(9, 12)
    grey = torch.randn(1, 9, 12, generator=torch.Generator().manual_seed(0))
    luma = grey * torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert torch.allclose(Jpeg(75).backward(image, luma), luma, atol=1e-5)
    colours = torch.zeros(3, 9, 12)
    colours[2, :8, :] = torch.tensor([1.0, -1.0]).repeat(6)  # blue against its neighbour
    gone = Jpeg(75).backward(image, colours - luma_of(colours))
    assert torch.allclose(gone, torch.zeros(3, 9, 12), atol=1e-5)


def luma_of(gradient: torch.Tensor) -> torch.Tensor:
    """The part of a gradient that goes by the luma of the picture: what greys feel of it."""
    return gradient.sum(0) * torch.tensor([0.299, 0.587, 0.114])[:, None, None]


def test_jpegs_gradient_is_linear_and_its_own_transpose_in_luma_and_chroma() -> None:
    image = smooth(8, 8)
    first, second = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    both = Jpeg(75).backward(image, first + 2 * second)
    assert torch.allclose(
        both, Jpeg(75).backward(image, first) + 2 * Jpeg(75).backward(image, second), atol=1e-5
    )
    once = Jpeg(75).backward(image, first)
    assert torch.allclose(Jpeg(75).backward(image, once), once, atol=1e-5)


def test_what_is_cut_at_white_has_no_gradient() -> None:
    image = np.array([[[100, 200, 250]]], np.uint8)
    assert Brightness(1.1).forward(image).ravel().tolist() == [110, 220, 255]
    gradient = Brightness(1.1).backward(image, torch.ones(3, 1, 1)).ravel()
    assert gradient.tolist() == pytest.approx([1.1, 1.1, 0])


def test_a_turned_picture_has_no_dark_corners() -> None:
    image = np.full((20, 30, 3), 200, np.uint8)
    assert (Rotate(30).forward(image) == 200).all()


def test_a_crop_is_the_middle() -> None:
    image = smooth(20, 30)
    assert np.array_equal(Crop(0.5).forward(image), image[5:15, 7:22])
    assert np.array_equal(Crop(1).forward(image), image)


def test_a_quarter_turn_is_exact() -> None:
    image = smooth(16, 16)
    assert np.array_equal(Rotate(90).forward(image), np.rot90(image))


def test_a_list_is_read_in_its_order() -> None:
    read = transforms("jpeg:75, resize:0.5,rotate:-3,crop:0.9,brightness:1.1")
    assert [one.step for one in read] == [
        Jpeg(75),
        Resize(0.5),
        Rotate(-3),
        Crop(0.9),
        Brightness(1.1),
    ]
    assert [one.word for one in read][:2] == ["jpeg:75", "resize:0.5"]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_refuses_what_is_no_setting(name: str) -> None:
    for setting in ("", "x", "nan", "-1000", "1000"):
        with pytest.raises(PasunchatError, match=f'^transform "{name}:{setting}": expected'):
            transforms(f"jpeg:75,{name}:{setting}")


@pytest.mark.parametrize("text", ["jpg:75", "jpeg", "jpeg=75", ":75"])
def test_unknown_words_are_told_what_there_is(text: str) -> None:
    with pytest.raises(PasunchatError, match=f'"{text}"; there are: jpeg:NUMBER, resize:NUMBER'):
        transforms(text)


@pytest.mark.parametrize("text", ["", " , "])
def test_nothing_is_refused(text: str) -> None:
    with pytest.raises(PasunchatError, match=r"jpeg:75,resize:0\.5.*got nothing"):
        transforms(text)


def test_half_a_quality_is_refused() -> None:
    with pytest.raises(PasunchatError, match="a quality from 1 to 100"):
        transforms("jpeg:75.5")
