"""Bounds hold for whatever is tried, and are exact where nothing may change."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from pasunchat.certificates.bounds.backward import (
    Bounds,
    Tighten,
    as_it_is,
    bounds,
    by_values,
    least,
)
from pasunchat.certificates.bounds.intervals import EXACT
from pasunchat.certificates.bounds.maxima import windows
from pasunchat.certificates.bounds.patches import by_patches
from pasunchat.certificates.bounds.slopes import sharpest
from pasunchat.certificates.bounds.trace import Maximum, Network, trace
from pasunchat.classifiers.classifier import Classifier
from pasunchat.runtime import generator

WAYS: dict[str, Tighten | None] = {
    "intervals": None,
    "CROWN-IBP": as_it_is,
    "by values": by_values,
    "by patches": by_patches,
}
RADIUS = 3 / 255
TRIED = 300


@pytest.fixture
def network(classifier: Classifier, photo: Tensor) -> Network:
    return trace(classifier, photo)


def margins_of(logits: Tensor) -> Tensor:
    """The likeliest class against each class, both ways, [2 C, C]: weights of whose sums all are
    margins."""
    one = torch.eye(logits.shape[-1], dtype=torch.float64)
    ahead = one[logits.flatten().argmax()] - one
    return torch.cat([ahead, -ahead])


def inside(photo: Tensor, radius: float) -> Tensor:
    """Pictures within the radius: at random, and at corners of the box."""
    draw = generator("inside", 0)
    even = torch.rand(TRIED, *photo.shape[1:], generator=draw, dtype=torch.float64) * 2 - 1
    return (photo.double() + radius * torch.cat([even, even.sign()])).clamp(0, 1)


def worst(network: Network, photo: Tensor, weights: Tensor, radius: float) -> Tensor:
    """A picture at a corner of the box to which the gradient of a weighted sum points, step by
    step: an attack on the bound, [1, 3, H, W]."""
    tried = photo.double()
    for _ in range(4):
        tried = tried.detach().requires_grad_()
        (network.values(tried)[-1] @ weights).sum().backward()
        down = photo.double() - radius * torch.sign(tried.grad)
        tried = (0.5 * tried + 0.5 * down).clamp(photo - radius, photo + radius).clamp(0, 1)
    return down.clamp(0, 1).detach()


@pytest.mark.parametrize("way", WAYS)
def test_without_a_radius_the_bound_is_the_margin(
    network: Network, photo: Tensor, way: str
) -> None:
    logits = network.values(photo)[-1][0]
    found = least(bounds(network, photo, 0.0, WAYS[way], EXACT), network.output, margins_of(logits))
    assert torch.allclose(found, margins_of(logits) @ logits, atol=1e-5, rtol=1e-5)
    assert bool((found <= margins_of(logits) @ logits + 1e-12).all())


@pytest.mark.parametrize("way", WAYS)
def test_nothing_within_the_radius_lies_below_the_bound(
    classifier: Classifier, network: Network, photo: Tensor, way: str
) -> None:
    known = bounds(network, photo, RADIUS, WAYS[way], EXACT)
    weights = margins_of(network.values(photo)[-1])
    found = least(known, network.output, weights)
    logits = deepcopy(classifier).double()(inside(photo, RADIUS))
    assert bool((logits @ weights.T >= found).all())
    for row, bound in zip(weights, found, strict=True):
        if bool(row.any()):
            there = network.values(worst(network, photo, row, RADIUS))[-1][0]
            assert float(row @ there) >= float(bound)


@pytest.mark.parametrize("way", ["CROWN-IBP", "by patches"])
def test_every_value_lies_in_its_box_and_every_maximum_between_its_lines(
    network: Network, photo: Tensor, way: str
) -> None:
    known = bounds(network, photo, RADIUS, WAYS[way], EXACT)
    for tried in inside(photo, RADIUS)[::20]:
        values = network.values(tried[None])
        for value, box in zip(values, known.boxes, strict=True):
            assert bool(((box.low <= value) & (value <= box.high)).all())
        for at, drawn in known.lines.items():
            step = network.steps[at - 1]
            assert isinstance(step, Maximum)
            seen = windows(step, values[step.inputs[0]])
            assert bool(((drawn.lower * seen).sum(-1) + drawn.below <= values[at] + 1e-12).all())
            assert bool(((drawn.upper * seen).sum(-1) + drawn.above >= values[at] - 1e-12).all())


def narrow(known: Bounds) -> float:
    return sum(float((box.high - box.low).sum()) for box in known.boxes)


def test_more_work_never_widens_a_box(network: Network, photo: Tensor) -> None:
    widths = [narrow(bounds(network, photo, RADIUS, way)) for way in (as_it_is, by_patches)]
    assert widths[1] <= widths[0] * (1 + 1e-12)


def test_chosen_slopes_never_lower_a_bound_and_still_hold(
    classifier: Classifier, network: Network, photo: Tensor
) -> None:
    known = bounds(network, photo, 5 * RADIUS, as_it_is, EXACT)
    weights = margins_of(network.values(photo)[-1])[:3]
    before = least(known, network.output, weights)
    found = torch.cat([sharpest(known, network.output, row[None])[0] for row in weights])
    assert bool((found >= before - 1e-9 * before.abs()).all())
    logits = deepcopy(classifier).double()(inside(photo, 5 * RADIUS))
    assert bool((logits @ weights.T >= found).all())


def test_what_float32_answers_is_within_the_bound_s_allowance(
    classifier: Classifier, network: Network, photo: Tensor
) -> None:
    weights = margins_of(network.values(photo)[-1])
    exact, allowed = (
        least(bounds(network, photo, 0.0, as_it_is, *kind), network.output, weights)
        for kind in ((EXACT,), ())
    )
    in_float32 = weights @ classifier.predict_logits(photo)[0].double()
    assert bool((allowed < exact + 1e-12).all()) and bool((allowed <= in_float32).all())
