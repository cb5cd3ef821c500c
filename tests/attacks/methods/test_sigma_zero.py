"""sigma-zero against its authors' algorithm written plainly, and against a known optimum."""

from math import cos, pi

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.sigma_zero import SigmaZero
from pasunchat.attacks.problem import Goal
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.norms import L0, PIXELS, Norm
from pasunchat.parsing import with_settings
from pasunchat.runtime import generator

SIZE = 8


@pytest.fixture
def linear() -> Classifier:
    """Two classes, a plane whose weights differ in size."""
    found = build("linear", classes=("cat", "dog"), size=SIZE)
    draw = generator("weights")
    with torch.no_grad():
        weights = torch.randn(found.network.dense.weight.shape, generator=draw)
        found.network.dense.weight.copy_(weights * torch.rand(weights.shape, generator=draw))
        found.network.dense.bias.zero_()
    return found


def photos(count: int) -> Tensor:
    levels = torch.randint(60, 196, (count, 3, SIZE, SIZE), generator=generator("photos"))
    return levels.float().div(255)


def plainly(classifier: Classifier, photo: Tensor, label: int, steps: int) -> Tensor:
    """The authors' loop for one photo; returns the pixels with the fewest changed values."""
    change, exp_avg, exp_avg_sq = (torch.zeros_like(photo) for _ in range(3))
    threshold, rate, best, least = 0.3, 1.0, photo, photo.numel()
    for step in range(steps):
        queried = change.clone().requires_grad_()
        logits = classifier((photo + queried)[None])[0]
        ahead = logits[label] - logits[1 - label]
        count = (queried.square() / (queried.square() + 1e-3)).mean()
        (slope,) = torch.autograd.grad(ahead.clamp(min=0) + count, queried)
        reached, changed = bool(ahead < 0), int((change != 0).sum())
        if reached and changed < least:
            best, least = photo + change, changed
        slope = slope / slope.abs().max().clamp(min=1e-12)
        exp_avg = 0.9 * exp_avg + 0.1 * slope
        exp_avg_sq = 0.999 * exp_avg_sq + 0.001 * slope**2
        root = (exp_avg_sq / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
        change = change - rate * exp_avg / (1 - 0.9 ** (step + 1)) / root
        change = (photo + change).clamp(0, 1) - photo
        rate = 0.1 + 0.9 * (1 + cos(pi * step / steps)) / 2
        threshold = min(max(threshold + (0.01 if reached else -0.01) * rate, 0), 1)
        change[change.abs() < threshold] = 0
    return best


def test_counts_as_few_as_the_authors_algorithm(linear: Classifier) -> None:
    given = photos(4)
    found = fool(linear, given, attack=SigmaZero(steps=60), norm=L0, levels=None)
    labels = found.before_logits.argmax(1)
    for row in range(4):
        plain = plainly(linear, given[row], int(labels[row]), 60)
        count = int((plain != given[row]).sum())
        assert abs(found.distance[row] - count) <= 0.1 * count + 1


def test_finds_nearly_the_fewest_values_and_pixels_of_a_plane(linear: Classifier) -> None:
    given = photos(4)
    labels = linear.predict_logits(given, batch=1).argmax(1)
    weights = linear.network.dense.weight
    for norm, channels in ((L0, 1), (PIXELS, 3)):
        found = fool(linear, given, attack=SigmaZero(), norm=norm)
        assert all(status == "reached" for status in found.status)
        for row, label in enumerate(labels.tolist()):
            photo = given[row : row + 1].clone().requires_grad_()
            logits = linear(photo)[0]
            margin = logits[1 - label] - logits[label]
            (slope,) = torch.autograd.grad(margin, photo)
            gain = torch.maximum(slope * (1 - photo), -slope * photo)[0].detach()
            gain = gain.view(3, -1).sum(0) if channels == 3 else gain.flatten()
            ordered = gain.sort(descending=True).values.cumsum(0)
            fewest = int((ordered < -margin.detach()).sum()) + 1
            assert fewest <= found.distance[row] <= 1.5 * fewest + 2
    assert weights.grad is None


def test_reaches_a_class_that_is_aimed_at(linear: Classifier) -> None:
    given = photos(2)
    other = 1 - linear.predict_logits(given, batch=1).argmax(1)
    found = fool(linear, given, goal=Goal(other), attack=SigmaZero(steps=40), norm=L0)
    assert torch.equal(found.after_logits.argmax(1), other)


@pytest.mark.parametrize("norm", [L0, PIXELS], ids=lambda norm: norm.name)
def test_a_small_radius_is_kept_and_the_photo_is_never_the_result(
    linear: Classifier, norm: Norm
) -> None:
    for levels in (256, None):
        attack = SigmaZero(steps=20)
        found = fool(linear, photos(4), attack=attack, norm=norm, radius=1.0, levels=levels)
        assert (found.distance == 1).all()


@pytest.mark.parametrize(
    "setting", [{"steps": "0"}, {"lr": "0"}, {"sigma": "0"}, {"threshold": "2"}]
)
def test_refuses_settings_that_make_no_sense(setting: dict[str, str]) -> None:
    with pytest.raises(PasunchatError, match=next(iter(setting))):
        with_settings(SigmaZero(), setting, "attack sigma-zero")
