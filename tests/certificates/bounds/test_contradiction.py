"""What is proved by contradiction is true: held against exact least margins."""

from collections.abc import Callable
from itertools import pairwise, product

import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor, nn

from pasunchat.certificates.bounds import contradiction
from pasunchat.certificates.bounds.backward import Bounds, as_it_is, bounds, by_values
from pasunchat.certificates.bounds.contradiction import (
    by_contradiction,
    costliest,
    narrower,
    suppose,
)
from pasunchat.certificates.bounds.intervals import EXACT, around
from pasunchat.certificates.bounds.slopes import sharpest
from pasunchat.certificates.bounds.trace import Network, Value, trace
from pasunchat.classifiers.classifier import Classifier
from pasunchat.runtime import generator

WIDTHS = (12, 4, 4, 2)  # of a network of 2 x 2 pixels: 2 ** 8 patterns of relus
GREY = torch.full((1, 3, 2, 2), 0.5)


@pytest.fixture
def network(classifier: Classifier, photo: Tensor) -> Network:
    return trace(classifier, photo)


def tiny(seed: int) -> Network:
    """A dense network with random weights, of 2 x 2 pixels and two classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(*pair) for pair in pairwise(WIDTHS)]
        for layer in layers:
            nn.init.normal_(layer.weight)
        network = nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    return trace(Classifier(network.eval().requires_grad_(False)), GREY)


def margin(network: Network) -> Tensor:
    """The likelier class of grey less the other, [1, 2]."""
    logits = network.values(GREY)[-1][0]
    return torch.tensor([[1.0, -1.0]]).double() * (logits[0] - logits[1]).sign()


def exactly(network: Network, weights: Tensor, radius: float) -> float:
    """The least of a weighted sum of the logits: of each pattern of relus, a linear program."""
    dense = [step for step in network.steps if hasattr(step, "weight")]
    found = torch.inf
    low, high = (GREY.flatten().double() + sign * radius for sign in (-1, 1))
    for signs in product((0.0, 1.0), repeat=sum(WIDTHS[1:-1])):
        on = torch.tensor(signs).double().split(WIDTHS[1:-1])
        slope, shift, limits, ends = torch.eye(WIDTHS[0]).double(), torch.zeros(1).double(), [], []
        for step, which in zip(dense, on, strict=False):
            slope, shift = step.weight @ slope, step.weight @ shift.expand(len(slope)) + step.bias
            limits.append((1 - 2 * which)[:, None] * slope)
            ends.append((2 * which - 1) * shift)
            slope, shift = which[:, None] * slope, which * shift
        last = weights @ dense[-1].weight
        least = linprog(
            (last @ slope)[0].numpy(), torch.cat(limits).numpy(), torch.cat(ends).numpy(),
            bounds=torch.stack([low, high], 1).numpy(),
        )  # fmt: skip
        if least.success:
            found = min(found, least.fun + float(last @ shift + weights @ dense[-1].bias))
    return found


def proves(bound: Callable[..., Tensor], network: Network, radius: float) -> bool:
    known = bounds(network, GREY, radius, by_values, EXACT)
    return float(bound(known, network.output, margin(network))) > 0


def by_slopes(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    """The bound of each sum, [S], by chosen slopes and nothing else."""
    return torch.cat([sharpest(known, value, row[None])[0] for row in weights])


def widest(bound: Callable[..., Tensor], network: Network) -> float:
    """The largest radius, nearly, of which a bound proves the margin of grey."""
    low, high = 0.0, 0.5
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if proves(bound, network, middle) else (low, middle)
    return low


@pytest.mark.parametrize("seed", [2, 3])
def test_it_proves_more_than_slopes_do_and_nothing_that_is_false(seed: int) -> None:
    network = tiny(seed)
    ours = widest(by_contradiction, network)
    assert ours > 1.05 * widest(by_slopes, network)
    assert exactly(network, margin(network), ours) > 0


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_what_is_supposed_holds_of_every_picture_that_is_so(seed: int) -> None:
    """Of corners of the box, and pictures between them, with a margin of 0 or less: in the
    narrowest box that has some."""
    network = tiny(seed)
    corners = torch.tensor(list(product((-1.0, 1.0), repeat=WIDTHS[0]))).double()
    within = torch.rand(corners.shape, generator=generator("within", seed), dtype=torch.float64)
    ways = torch.cat([corners, corners * within]).reshape(-1, 1, 3, 2, 2)
    radius, so = 0.0, torch.zeros(len(ways), dtype=torch.bool)
    while not so.any():
        radius += 0.005
        values = torch.vmap(network.values)(GREY.double() + radius * ways)
        so = (values[-1] @ margin(network).T)[:, 0, 0] <= 0
    known = at_first = bounds(network, GREY, radius, by_values, EXACT)
    for _ in range(3):
        supposed = suppose(known, network.output, margin(network))
        known = narrower(supposed, costliest(supposed)[0])
        for value, box in zip(values, known.boxes, strict=True):
            assert bool(((box.low <= value) & (value <= box.high))[so].all())
    assert wide(known) < 0.9 * wide(at_first)


def test_it_holds_of_branches_and_windows_as_well(network: Network, photo: Tensor) -> None:
    """Of a sum that is 0 or less for about half of the pictures."""
    draw = generator("within", 0)
    ways = torch.rand(200, *photo.shape, generator=draw, dtype=torch.float64) * 2 - 1
    tried = (photo.double() + 3 / 255 * torch.cat([ways, ways.sign()])).clamp(0, 1)
    values = torch.vmap(network.values)(tried)
    mean = values[-1].mean(0)
    weights = torch.randn(mean.shape, generator=draw, dtype=torch.float64)
    weights = weights - mean * (weights * mean).sum() / (mean * mean).sum()
    so = (values[-1] @ weights.T)[:, 0, 0] <= 0
    assert so.any() and not so.all()
    supposed = suppose(bounds(network, photo, 3 / 255, as_it_is, EXACT), network.output, weights)
    known = narrower(supposed, costliest(supposed)[0])
    for value, box in zip(values, known.boxes, strict=True):
        assert bool(((box.low <= value) & (value <= box.high))[so].all())


def wide(known: Bounds) -> float:
    return sum(float((box.high - box.low).sum()) for box in known.boxes)


def test_no_bound_is_lower_than_that_of_slopes(network: Network, photo: Tensor) -> None:
    logits = network.values(photo)[-1][0]
    one = torch.eye(len(logits), dtype=torch.float64)
    weights = (one[logits.argmax()] - one)[:3]
    known = bounds(network, photo, 4 / 255, as_it_is)
    before, found = (
        bound(known, network.output, weights) for bound in (by_slopes, by_contradiction)
    )
    assert bool((found >= before).all())


def test_a_sum_that_is_below_0_somewhere_in_the_box_is_not_proved(
    network: Network, photo: Tensor
) -> None:
    """However near 0 it is: of the margin less what it is for a picture of the box."""
    logits = network.values(photo)[-1][0]
    known = bounds(network, photo, 1 / 255, by_values)
    near = network.values(around(photo, 1 / 255).high)[-1][0]
    for weights in torch.eye(len(logits), dtype=torch.float64) - near[:, None] / near.sum():
        assert float(weights @ near) < 1e-9
        assert float(by_contradiction(known, network.output, weights[None])) <= 0


def test_of_a_large_network_slopes_alone_are_chosen(
    network: Network, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contradiction, "LARGEST", 1)
    known = bounds(network, photo, 4 / 255, as_it_is)
    weights = torch.eye(network.values(photo)[-1].shape[1], dtype=torch.float64)[:2]
    found, slopes = (
        bound(known, network.output, weights) for bound in (by_contradiction, by_slopes)
    )
    assert torch.equal(found, slopes)
