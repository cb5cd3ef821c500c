"""What a caller gives is checked before anything is searched: one line each for what is off."""

from math import inf, nan

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.norms import L0, L1, L2, LINF, NORMS, PIXELS, Norm
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError

SIDE = 4


class Brightness(nn.Module):
    """Two logits: class 1 by as much as the mean is above a half."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = pixels.mean((1, 2, 3)) - 0.5
        return torch.stack([-lead, lead], 1)


class OneValue(nn.Module):
    """Two logits: class 1 by as much as the first value is above half a level over `grey()`."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = pixels[:, 0, 0, 0] - 100.5 / 255
        return torch.stack([-lead, lead], 1)


class Broken(nn.Module):
    """Logits that are no numbers."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.new_full((len(pixels), 2), nan)


def grey(level: int = 100) -> Tensor:
    return torch.full((2, 3, SIDE, SIDE), level / 255)


def refused(match: str, photos: Tensor | None = None, **given: object) -> None:
    with pytest.raises(PasunchatError, match=match) as caught:
        fool(Classifier(Brightness()), grey() if photos is None else photos, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("photos", "match"),
    [
        (grey()[0], r"float \[N, 3, H, W\], got torch.float32 \[3, 4, 4\]"),
        (grey().mul(255).byte(), r"got torch.uint8"),
        (grey()[:, :1], r"\[2, 1, 4, 4\]"),
        (grey() * 255, r"in \[0, 1\], got 100 to 100; divide by 255"),
        (grey() - 1, r"in \[0, 1\], got -0.6"),
        (grey() * nan, r"in \[0, 1\], got nan"),
        (grey() + 0.5 / 255, r"do not lie on 256 levels.*levels=None"),
    ],
    ids=["no row", "bytes", "one colour", "0 to 255", "below 0", "no numbers", "off the grid"],
)
def test_pixels_that_are_none(photos: Tensor, match: str) -> None:
    refused(match, photos)


def test_files_want_a_size_stated() -> None:
    with pytest.raises(PasunchatError, match="states no picture size; give pixels"):
        fool(Classifier(Brightness()), ["rex.jpg"])


def test_logits_that_are_no_numbers() -> None:
    with pytest.raises(PasunchatError, match=r"not finite.*mean and std"):
        fool(Classifier(Broken()), grey())


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, nan])
def test_a_confidence_that_is_no_probability(confidence: float) -> None:
    refused("confidence: expected between 0 and 1", confidence=confidence)


@pytest.mark.parametrize("radius", [-1.0, inf, nan])
def test_a_radius_that_is_none(radius: float) -> None:
    refused("radius: expected a number of at least 0", radius=radius)


def test_a_grid_of_one_level() -> None:
    refused("levels: expected 2 or more", levels=1)


@pytest.mark.parametrize(
    ("norm", "least"), [(LINF, 1 / 255), (L2, 1 / 255), (L1, 1 / 255), (L0, 1), (PIXELS, 1)]
)
def test_a_radius_in_which_nothing_but_the_photo_lies(norm: Norm, least: float) -> None:
    said = "1$" if least == 1 else r"0.00392157 \(1/255\)$"
    refused(
        f"256 levels but the photo itself lies within .* in {norm.name}; give at least {said}",
        norm=norm,
        radius=0.99 * least,
    )
    goal = Goal(torch.ones(2).long())
    one = fool(Classifier(OneValue()), grey(), goal=goal, norm=norm, radius=least)
    assert one.status == (Status.REACHED,) * 2
    assert torch.allclose(one.distance, torch.tensor(least, dtype=torch.float32))


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_without_a_grid_every_radius_holds_something(norm: str) -> None:
    """Half a level is enough for a photo that lies a quarter of one below the border."""
    photos = torch.full((2, 3, SIDE, SIDE), 0.5 - 0.25 / 255)
    size = float(NORMS[norm].measure(torch.full_like(photos[:1], 0.5 / 255)))
    goal = Goal(torch.ones(2).long())
    found = fool(
        Classifier(Brightness()), photos, goal=goal, norm=NORMS[norm], radius=size, levels=None
    )
    assert found.status == (Status.REACHED,) * 2
