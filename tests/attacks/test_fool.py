"""What a caller gives is checked before anything is searched: one line each for what is off."""

from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import save
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.inputs import Labels
from pasunchat.norms import L0, L1, L2, LINF, NORMS, PIXELS, Norm

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
        (grey()[0, 0], r"float \[N, 3, H, W\] in \[0, 1\] or uint8, got torch.float32 \[4, 4\]"),
        (grey().mul(255).long(), r"got torch.int64"),
        (grey()[:, :2], r"\[2, 2, 4, 4\]"),
        (grey() * 255, r"in \[0, 1\], got 100 to 100; divide by 255"),
        (grey() - 1, r"in \[0, 1\], got -0.6"),
        (grey() * nan, r"in \[0, 1\], got nan"),
        (grey()[:0], r"expected one or more, got none"),
    ],
    ids=["no colours", "whole", "two colours", "0 to 255", "below 0", "no numbers", "no row"],
)
def test_pixels_that_are_none(photos: Tensor, match: str) -> None:
    refused(match, photos)


def test_levels_asked_for_are_kept_to() -> None:
    refused(r"do not lie on 256 levels.*levels=None", grey() + 0.5 / 255, levels=256)


def test_pixels_off_the_grid_mean_no_grid() -> None:
    """Also where the radius asked for holds no picture of 256 levels."""
    off = torch.full((2, 3, SIDE, SIDE), 0.5 - 0.25 / 255)
    for request in ({"norm": "linf", "radius": "0.5/255"}, {"request": Request()}):
        with pytest.warns(PasunchatWarning, match="256 levels of a file, so levels=None") as said:
            found = fool(Brightness(), off, 0, **request)  # type: ignore[arg-type]
        assert len(said) == 1 and said[0].filename == __file__
        assert found.request.levels is None and found.status == (Status.REACHED,) * 2
        assert torch.equal(found.photos, off)


def test_a_request_stands_in_the_place_of_labels_or_by_its_name() -> None:
    request = Request(norm="linf", radius="20/255")  # type: ignore[arg-type]
    one = fool(Brightness(), grey(120), request)
    two = fool(Brightness(), grey(120), None, request)
    assert torch.equal(one.pixels, two.pixels) and one.request == two.request
    with pytest.raises(TypeError, match="one Request"):
        fool(Brightness(), grey(), request, request)
    refused("request: expected a Request, got str", request="linf")


@pytest.mark.parametrize(
    "labels",
    [0, "0", [0, 0], (0, 0), ["0", "0"], torch.zeros(2), torch.zeros(2, 1).byte(), torch.tensor(0),
     np.zeros(2, np.int16), [torch.tensor(0), 0]],
    ids=str,
)  # fmt: skip
def test_labels_are_what_each_photo_is_to_leave(labels: Labels) -> None:
    found = fool(Brightness(), grey(), labels)
    goal = Goal(torch.zeros(2).long(), targeted=False)
    assert torch.equal(found.pixels, fool(Brightness(), grey(), goal=goal).pixels)
    assert found.goal.tolist() == [0, 0] and found.after.tolist() == [1, 1]


def test_labels_are_names_where_the_classifier_has_them() -> None:
    classifier = Classifier(Brightness(), classes=("dark", "light"))
    found = fool(classifier, grey(), ["dark", "light"])
    assert found.status == (Status.REACHED, Status.ALREADY_WRONG)
    assert found.classes == ("dark", "light")


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([0], r"one class for each of 2 photos, got \[1\]"),
        (torch.eye(2).long(), r"got \[2, 2\] of them; of one-hot labels take labels.argmax"),
        ([0, 2], "classes from 0 to 1, .* got 2"),
        (-1, "classes from 0 to 1, .* got -1"),
        ([0.5, 1], "whole numbers"),
        ([nan, 1], "whole numbers"),
        ([True, False], "labels: .* of bool"),
        ([[0], [0, 1]], "several lengths"),
        (["0", "fox"], 'no class is called "fox"; .* one of: 0, 1'),
        ({"a": 0}, "labels: .* got dict"),
    ],
)
def test_labels_that_are_none(labels: object, match: str) -> None:
    refused(match, labels=labels)


@pytest.mark.parametrize(
    ("goal", "match"),
    [
        (torch.tensor([0, 1]), "expected a Goal, got Tensor; give classes to leave as labels"),
        (Goal(torch.tensor([0])), "one class for each of 2 photos, got 1"),
        (Goal(torch.tensor([0, 7])), "classes from 0 to 1, .* got 7"),
    ],
)
def test_goals_that_do_not_fit(goal: object, match: str) -> None:
    refused(match, goal=goal)
    refused("labels or a goal, got both", goal=goal, labels=0)


def test_one_class_is_the_goal_of_all() -> None:
    assert fool(Brightness(), grey(), goal=Goal(1)).goal.tolist() == [1, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [None, 3, lambda pixels: pixels])
def test_what_is_no_model(model: object) -> None:
    with pytest.raises(PasunchatError, match=r"model: expected a Classifier, a torch.nn.Module"):
        fool(model, grey())  # type: ignore[arg-type]


def test_a_model_is_given_by_its_name(tmp_path: Path) -> None:
    classifier = build("linear", classes=("cat", "dog"), size=SIDE, seed=1)
    save(classifier, tmp_path / "run")
    named = fool(str(tmp_path / "run"), grey())
    assert torch.equal(named.pixels, fool(classifier, grey()).pixels)


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
