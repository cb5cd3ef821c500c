"""Every attack that looks for the nearest change, against the optimum that is known.

On a linear classifier the least change is known in each norm, with and without the box of pixels;
on the grid it is found by brute force where there are few values.
"""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, NORMS, Norm

# Settings that make an attack quick on small pictures.
QUICK = {
    "carlini-wagner": "carlini-wagner:round_steps=150,rounds=6,lr=0.03",
}
# How many times the optimum an attack may be off: without the box, with it, and on the grid.
LOOSE = (2.5, 2.5, 2.5)
OFF: dict[tuple[str, str], tuple[float, float, float]] = {
    ("turning", "l2"): (1.001, 1.001, 1.05),
    ("ddn", "l2"): (1.005, 1.02, 1.05),
    ("fmn", "l2"): (1.001, 1.001, 1.05),
    ("fmn", "linf"): (1.001, 1.001, 1.0001),
    ("fmn", "l1"): (1.005, 1.005, 1.0001),
    ("fmn", "l0"): (1.0, 1.0, 1.0),
    ("fmn", "pixels"): (1.0, 1.0, 1.0),
    ("deepfool", "l2"): (1.021, 1.001, 1.05),
    ("deepfool", "linf"): (1.021, 1.001, 1.0001),
    ("sparse", "l0"): (1.0, 1.0, 1.0),
    ("sparse", "pixels"): (1.0, 1.0, 1.0),
    ("sparse", "l1"): (1.1, 1.1, 1.25),
    ("sigma-zero", "l0"): (1.0, 1.0, 1.0),
    ("sigma-zero", "pixels"): (1.0, 1.51, 1.0),
    ("carlini-wagner", "l2"): (1.02, 1.01, 1.05),
    ("least-levels", "linf"): (1.001, 1.02, 1.0001),
    ("portfolio", "l2"): (1.001, 1.001, 1.05),
    ("portfolio", "linf"): (1.001, 1.001, 1.0001),
    ("portfolio", "l1"): (1.005, 1.005, 1.0001),
    ("portfolio", "l0"): (1.0, 1.0, 1.0),
    ("portfolio", "pixels"): (1.0, 1.0, 1.0),
}
# learned-noise minimises a trade-off of its own; pdpgd is up to 14 times off on a handful of
# values; hop-skip-jump sees labels alone, and its own tests say how near it comes.
NOT_HELD = ("learned-noise", "pdpgd", "hop-skip-jump")
NEAREST = [
    (name, norm)
    for name, attack in ATTACKS.items()
    if "nearest" in attack.info.aims and name not in NOT_HELD
    for norm in attack.info.norms
]


class OneLogit(nn.Module):
    """A network with one logit z, as (0, z)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.dense = nn.Linear(weight.numel(), 1)
        self.dense.weight.data.copy_(weight[None])

    def forward(self, pixels: Tensor) -> Tensor:
        logit = self.dense(pixels.flatten(1))
        return torch.cat([torch.zeros_like(logit), logit], 1)


def linear(classes: int, shape: tuple[int, ...], seed: int) -> nn.Module:
    """A linear network with weights from a seed; one class: a single logit as (0, z)."""
    count = int(np.prod(shape))
    drawn = torch.randn(max(classes, 1), count, generator=torch.Generator().manual_seed(seed))
    if classes == 1:
        return OneLogit(drawn[0])
    layer = nn.Linear(count, classes)
    layer.weight.data.copy_(drawn)
    return nn.Sequential(nn.Flatten(), layer)


def placed(network: nn.Module, photo: Tensor, lead: float) -> Classifier:
    """The network, its biases set so that class 0 leads by `lead`, 1.2 `lead`, ... at the photo."""
    layer = next(m for m in network.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        layer.bias.zero_()
        logits = layer(photo.flatten(1))[0]
        if len(logits) == 1:
            layer.bias.copy_(-logits - lead)
        else:
            behind = torch.tensor([0.0, *(1 + 0.2 * k for k in range(len(logits) - 1))])
            layer.bias.copy_(-logits - lead * behind)
    return Classifier(network)


def planes(classifier: Classifier, photo: Tensor) -> list[tuple[Tensor, float]]:
    """For each other class the gradient of its lead over class 0, [3, H, W], and that lead."""
    asked = photo.clone().requires_grad_()
    logits = classifier(asked)[0]
    found = []
    for k in range(1, len(logits)):
        lead = logits[k] - logits[0]
        (slope,) = torch.autograd.grad(lead, asked, retain_graph=True)
        found.append((slope[0].double(), float(lead.detach())))
    return found


def least(norm: Norm, slope: Tensor, lead: float, photo: Tensor | None) -> float:
    """The least size of a change with slope.change = -lead, in the box around `photo` if given.

    L2 and LINF: a change clip(t V) whose scale t is bisected. L1, L0 and PIXELS: the steepest
    values first, each to the end of its room (a knapsack).
    """
    if photo is None:
        return -lead / float(norm.dual(slope[None]))
    room = torch.where(slope > 0, 1 - photo[0], photo[0]).double()
    steep = slope.abs()
    if norm.name in ("l2", "linf"):
        way = steep if norm is L2 else torch.ones_like(steep)
        low, high = 0.0, 1e4
        for _ in range(80):
            middle = (low + high) / 2
            change = torch.minimum(way * middle, room)
            low, high = (low, middle) if float((steep * change).sum()) >= -lead else (middle, high)
        return float(norm.measure(torch.minimum(way * high, room)[None]))
    gains = steep * room
    if norm.name == "pixels":
        return float(
            (gains.sum(0).flatten().sort(descending=True).values.cumsum(0) < -lead).sum() + 1
        )
    if norm.name == "l0":
        return float((gains.flatten().sort(descending=True).values.cumsum(0) < -lead).sum() + 1)
    size, missing = 0.0, -lead
    for place in steep.flatten().argsort(descending=True):
        spent = min(float(room.flatten()[place]), missing / float(steep.flatten()[place]))
        size, missing = size + spent, missing - spent * float(steep.flatten()[place])
        if missing <= 0:
            return size
    raise AssertionError("no change reaches")


def optimum(classifier: Classifier, norm: Norm, photo: Tensor, box: bool) -> float:
    return min(least(norm, *plane, photo if box else None) for plane in planes(classifier, photo))


def attacked(
    name: str, classifier: Classifier, photo: Tensor, norm: str, levels: int | None
) -> float:
    """The size of what the attack finds, judged."""
    found = fool(
        classifier,
        photo,
        goal=Goal(torch.tensor([0]), targeted=False),
        attack=QUICK.get(name, name),
        norm=NORMS[norm],
        levels=levels,
    )
    assert found.status == (Status.REACHED,)
    assert found.after[0] != 0
    return float(found.distance[0])


@pytest.mark.parametrize("classes", (1, 2, 5))
@pytest.mark.parametrize(("name", "norm"), NEAREST)
def test_finds_the_known_optimum_far_from_the_box(name: str, norm: str, classes: int) -> None:
    if norm in ("l0", "pixels"):
        pytest.skip("a count is bounded by the box alone")
    photo = torch.full((1, 3, 4, 4), 0.5)
    classifier = placed(
        linear(classes, (3, 4, 4), seed=classes), photo, lead=0.8 if norm == "l1" else 4.0
    )
    best = optimum(classifier, NORMS[norm], photo, box=False)
    found = attacked(name, classifier, photo, norm, None)
    assert best * (1 - 1e-4) <= found <= best * OFF.get((name, norm), LOOSE)[0]


@pytest.mark.parametrize("classes", (1, 2, 5))
@pytest.mark.parametrize(("name", "norm"), NEAREST)
def test_finds_the_known_optimum_in_the_box(name: str, norm: str, classes: int) -> None:
    """A white photo with black text: every value stands at an end of its range."""
    generator = torch.Generator().manual_seed(3)
    photo = (torch.rand(1, 3, 4, 4, generator=generator) < 0.7).float()
    classifier = placed(linear(classes, (3, 4, 4), seed=classes), photo, lead=6.0)
    best = optimum(classifier, NORMS[norm], photo, box=True)
    found = attacked(name, classifier, photo, norm, None)
    assert best * (1 - 1e-4) <= found <= best * OFF.get((name, norm), LOOSE)[1]


def least_on_grid(norm: Norm, slope: Tensor, lead: float, photo: Tensor, levels: int) -> float:
    """By brute force: every change of at most `most` levels a value, along the slope or none."""
    unit, most = levels - 1, 9 if slope.numel() == 3 else 6
    steps = torch.tensor(list(product(range(most + 1), repeat=slope.numel())), dtype=torch.float64)
    room = torch.where(slope > 0, 1 - photo[0], photo[0]).double().flatten() * unit
    steps = torch.minimum(steps, room.round())
    enough = (steps @ slope.abs().flatten() / unit) > -lead * (1 + 1e-5)
    assert enough.any()
    return float(norm.measure(steps[enough].view(-1, *slope.shape) / unit).min())


@pytest.mark.parametrize("seed", (0, 1, 2))
@pytest.mark.parametrize(("name", "norm"), NEAREST)
def test_finds_the_optimum_of_brute_force_on_the_grid(name: str, norm: str, seed: int) -> None:
    shape = (3, 1, 1) if seed else (3, 1, 2)
    levels = 256 if seed else 32
    generator = torch.Generator().manual_seed(seed)
    photo = torch.randint(0, levels, (1, *shape), generator=generator) / (levels - 1)
    network = linear(2, shape, seed=10 + seed)
    lead = (
        (4.5 if seed else 3.0)
        / (levels - 1)
        * float((network[1].weight[1] - network[1].weight[0]).detach().norm())
    )
    classifier = placed(network, photo, lead)
    slope, behind = planes(classifier, photo)[0]
    best = least_on_grid(NORMS[norm], slope, behind, photo, levels)
    found = attacked(name, classifier, photo, norm, levels)
    assert best * (1 - 1e-4) <= found <= best * OFF.get((name, norm), LOOSE)[2]
