"""Steps on 8-bit pictures inside what a gradient goes through."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import as_images, as_pixels
from pasunchat.classifiers.on_images import Chain, Framed, nearest_images, on_images
from pasunchat.runtime import generator


@dataclass(frozen=True)
class Times:
    """Every value times a whole factor; its gradient too, and it says when it is asked."""

    factor: int

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image * np.uint8(self.factor)

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        return gradient * self.factor * (torch.from_numpy(image).permute(2, 0, 1) < 100)


@pytest.fixture
def pixels() -> Tensor:
    return torch.randint(0, 60, (5, 3, 9, 13), generator=generator(1)) / 255


def after(pixels: Tensor, *steps: Framed) -> tuple[Tensor, Tensor]:
    """What comes out, and the gradient of a weighted sum of it."""
    asked = pixels.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    out = on_images(asked, steps)
    weights = torch.rand(out.shape[1:], generator=generator(2))
    (gradient,) = torch.autograd.grad((out * weights).sum(), asked)
    return out.detach(), gradient


def test_forward_is_the_step_on_each_picture(pixels: Tensor) -> None:
    step = Framed(8, "pad")
    expected = np.stack([step.forward(image) for image in as_images(pixels)])
    assert torch.equal(on_images(pixels, [step] * 5), as_pixels(expected))


def test_a_row_is_the_same_bits_in_any_company_and_layout(pixels: Tensor) -> None:
    steps = [Framed(8, framing) for framing in ("pad", "crop", "squash", "pad", "crop")]
    out, gradient = after(pixels, *steps)
    for layout in (torch.channels_last, torch.contiguous_format):
        laid = pixels.contiguous(memory_format=layout)
        for row in range(5):
            alone = after(laid[row : row + 1], steps[row])
            assert torch.equal(alone[0][0], out[row]) and torch.equal(alone[1][0], gradient[row])


def test_repeated_rows_are_as_if_each_were_done(pixels: Tensor) -> None:
    rows, step = torch.tensor([0, 1, 1, 1, 2]), Framed(8, "pad")
    out, gradient = after(pixels, *[step] * 5)
    repeated = after(pixels[rows], *[step] * 5)
    assert torch.equal(repeated[0], out[rows]) and torch.equal(repeated[1], gradient[rows])


def test_the_same_picture_may_take_different_steps_and_gradients(pixels: Tensor) -> None:
    twice = pixels[[0, 0]].requires_grad_()
    out = on_images(twice, [Times(1), Times(2)])
    assert torch.equal(out[1], as_pixels(as_images(pixels[:1]) * 2)[0])
    same_step = on_images(twice, [Times(2), Times(2)])
    (gradient,) = torch.autograd.grad(same_step[0].sum() + 3 * same_step[1].sum(), twice)
    assert torch.equal(gradient[1], 3 * gradient[0])


def test_off_the_grid_is_rounded_first_and_the_gradient_passes(pixels: Tensor) -> None:
    step = Framed(8, "squash")
    moved = pixels + 0.4 / 255
    out, gradient = after(moved, *[step] * 5)
    assert torch.equal(out, on_images(pixels, [step] * 5))
    assert torch.equal(gradient, after(pixels, *[step] * 5)[1])


def test_nearest_images_stay_in_range() -> None:
    pixels = (
        torch.tensor([-0.1, 0.4999 / 255, 0.5001 / 255, 1.2]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    )
    assert nearest_images(pixels)[0, :, :, 0].ravel().tolist() == [0, 0, 1, 255]


def test_a_chain_goes_back_through_the_pictures_it_made() -> None:
    image = np.full((2, 2, 3), 60, np.uint8)
    gradient = torch.ones(3, 2, 2)
    chain = Chain((Times(2), Times(1)))
    assert (chain.forward(image) == 120).all()
    assert (chain.backward(image, gradient) == 0).all()  # 120 is not under 100
    assert (Chain((Times(1), Times(2))).backward(image, gradient) == 2).all()
