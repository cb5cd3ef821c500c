"""standard: the worst case of several attacks, on a small network trained here."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import PGD
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.strategies.standard import Standard
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L1, L2, LINF, Norm

SIZE = 12
SETTINGS = Standard(steps=20, queries=60)


def photos(count: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with one part brighter, and which: int64 [N]."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (count,), generator=generator)
    pixels = torch.rand(count, 3, SIZE, SIZE, generator=generator) * 0.8
    high = SIZE // classes
    for row, label in enumerate(labels.tolist()):
        pixels[row, :, label * high : (label + 1) * high] += 0.15
    return pixels.mul(255).round().div(255), labels


def trained(classes: int) -> Classifier:
    """A small convolutional network, after some steps of Adam."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(8 * (SIZE // 2) ** 2, classes),
        )  # fmt: skip
    classifier = Classifier(network, mean=0.45, std=0.25)
    pixels, labels = photos(256, classes, 1)
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(40):
        adam.zero_grad()
        nn.functional.cross_entropy(classifier(pixels), labels).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def network() -> Callable[[int], Classifier]:
    """Networks by their number of classes, each trained once."""
    made: dict[int, Classifier] = {}

    def of(classes: int) -> Classifier:
        if classes not in made:
            made[classes] = trained(classes)
        return made[classes]

    return of


def standing(found: AttackResult) -> Tensor:
    """Which photos withstand, bool [N]."""
    return torch.tensor([status is not Status.REACHED for status in found.status])


def right(classifier: Classifier, classes: int, count: int) -> tuple[Tensor, Tensor]:
    """Photos that are read rightly, and their classes."""
    pixels, labels = photos(2 * count, classes, 2)
    good = torch.nonzero(classifier.predict_logits(pixels).argmax(1) == labels).squeeze(1)[:count]
    return pixels[good], labels[good]


def middling(classifier: Classifier, pixels: Tensor, labels: Tensor, norm: Norm) -> float:
    """The radius at which about half of the photos would be fooled, were the network linear."""
    asked = pixels.clone().requires_grad_()
    margin = Goal(labels, False).margin(classifier(asked))
    (gradient,) = torch.autograd.grad(margin.sum(), asked)
    return float((-margin.detach() / norm.dual(gradient)).median())


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_is_never_weaker_than_pgd_and_gives_nothing_up(
    network: Callable[[int], Classifier], classes: int, norm: Norm
) -> None:
    """A photo is called robust only after every search has failed on it to its end."""
    classifier = network(classes)
    pixels, labels = right(classifier, classes, 16)
    radius = middling(classifier, pixels, labels, norm)
    settings = {"goal": Goal(labels, False), "norm": norm, "radius": radius, "levels": None}
    found = fool(classifier, pixels, attack=SETTINGS, **settings)
    plain = fool(classifier, pixels, attack=PGD, **settings)
    robust = standing(found)
    assert 0 < robust.sum() < len(pixels)
    assert not (robust & ~standing(plain)).any()
    gradients = 3.2 * SETTINGS.steps  # a fifth, FMN, APGD, and all of them again
    gradients += (1 + 0.4 * (classes - 1)) * SETTINGS.steps if classes > 2 else 0
    assert (found.backwards[robust] >= gradients).all()
    if norm is not L1:
        assert (found.forwards[robust] >= gradients + SETTINGS.queries).all()
    assert (found.distance <= radius * (1 + 1e-6)).all()


def test_agrees_with_autoattack_s_parts_on_three_classes(
    network: Callable[[int], Classifier],
) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    classifier = network(3)
    pixels, labels = right(classifier, 3, 40)
    radius = middling(classifier, pixels, labels, LINF)
    found = fool(
        classifier, pixels, goal=Goal(labels, False), attack=Standard(), norm=LINF,
        radius=radius, levels=None,
    )  # fmt: skip
    theirs = torch.ones(len(pixels), dtype=torch.bool)
    settings = {"norm": "Linf", "eps": radius}
    for part in (
        torchattacks.APGD(classifier, steps=100, loss="ce", **settings),
        torchattacks.FAB(classifier, steps=100, n_classes=3, **settings),
        torchattacks.Square(classifier, n_queries=1000, **settings),
    ):
        with torch.random.fork_rng():
            pictures = part(pixels, labels)
        theirs &= classifier.predict_logits(pictures).argmax(1) == labels
    assert not (standing(found) & ~theirs).any()  # never weaker
    assert int((~standing(found) & theirs).sum()) <= 1


def test_on_the_grid_what_is_found_lies_on_it(network: Callable[[int], Classifier]) -> None:
    classifier = network(2)
    pixels, labels = right(classifier, 2, 8)
    radius = 2 * middling(classifier, pixels, labels, LINF)
    found = fool(
        classifier, pixels, goal=Goal(labels, False), attack=SETTINGS, norm=LINF, radius=radius
    )
    assert (found.pixels * 255 - (found.pixels * 255).round()).abs().max() < 1e-3
    assert (~standing(found)).any()


SHARP = 1e-4  # of the largest logit: a lead that is no tie


class Planes(nn.Module):
    """Logits that are linear in the pixels, so that the least distance is known."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(classes)
        self.weight = nn.Parameter(torch.randn(classes, 3 * SIZE * SIZE, generator=generator))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.contiguous().flatten(1) - 0.5) @ self.weight.T


def least_distance(classifier: Classifier, pixels: Tensor, goal: Goal, norm: Norm) -> float:
    """Of a linear network and one photo [1, 3, H, W], by hand: to a plane, the lead over the dual
    norm of its slope; a class is left across the nearest."""
    logits = classifier.predict_logits(pixels)[0].double()
    weight, own = classifier.network.weight.detach().double(), int(goal.classes[0])
    others = [k for k in range(len(logits)) if k != own]
    slopes = (weight[others] - weight[own]).view(-1, 3, SIZE, SIZE)
    distances: Tensor = (logits[own] - logits[others]) / norm.dual(slopes)
    return float(distances.min())


def a_photo(seed: int) -> Tensor:
    """Grey noise, on 256 levels, far from 0 and 1."""
    noise = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    return (100 + 56 * noise).round().div(255)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("norm", [LINF, L2], ids=lambda norm: norm.name)
def test_a_plane_is_crossed_at_its_distance_and_never_before(classes: int, norm: Norm) -> None:
    classifier = Classifier(Planes(classes)).eval()
    for seed in range(4):
        pixels = a_photo(seed)
        logits = classifier.predict_logits(pixels)
        goal = Goal(logits.argmax(1), targeted=False)
        least = least_distance(classifier, pixels, goal, norm)
        more = SHARP * float(logits.abs().max() / -goal.margin(logits))
        for radius, crossed in ((least * (1 + more), True), (least * (1 - 1e-6), False)):
            found = fool(
                classifier, pixels, goal=goal, attack=SETTINGS, norm=norm, radius=radius,
                levels=None,
            )  # fmt: skip
            assert (found.status[0] is Status.REACHED) == crossed
            change = (found.pixels.double() - pixels.double()).view(1, 3, SIZE, SIZE)
            assert float(norm.measure(change)) <= radius * (1 + 1e-6)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_plane_is_crossed_at_the_least_number_of_levels(classes: int) -> None:
    classifier = Classifier(Planes(classes)).eval()
    for seed in range(4):
        pixels = a_photo(seed)
        goal = Goal(classifier.predict_logits(pixels).argmax(1), targeted=False)
        least = math.ceil(255 * least_distance(classifier, pixels, goal, LINF))
        found = fool(classifier, pixels, goal=goal, attack=SETTINGS, norm=LINF, radius=least / 255)
        assert found.status == (Status.REACHED,)
        if least > 1:
            found = fool(
                classifier, pixels, goal=goal, attack=SETTINGS, norm=LINF, radius=(least - 1) / 255
            )
            assert found.status == (Status.NOT_REACHED,)


@pytest.mark.parametrize("targeted", [True, False])
def test_each_class_is_reached_where_a_plane_allows(targeted: bool) -> None:
    """Goals to reach a class and goals to leave one go through the same searches."""
    classifier = Classifier(Planes(3)).eval()
    pixels = torch.cat([a_photo(seed) for seed in range(3)])
    logits = classifier.predict_logits(pixels)
    goal = Goal(logits.argmin(1) if targeted else logits.argmax(1), targeted)
    found = fool(classifier, pixels, goal=goal, attack=SETTINGS, norm=L2, radius=3, levels=None)
    assert (~standing(found)).all()
    assert ((found.after == goal.classes) == targeted).all()


@pytest.mark.parametrize("name", ["steps", "targets", "queries"])
def test_impossible_settings_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Standard(**{name: 0})
