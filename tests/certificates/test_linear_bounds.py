"""Proved radii: of a linear network the exact one, of others never what an attack finds."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.certificates.bounds.backward import bounds, least
from pasunchat.certificates.bounds.intervals import EXACT
from pasunchat.certificates.bounds.trace import trace
from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.certify import certify
from pasunchat.certificates.linear_bounds import linear_bounds
from pasunchat.certificates.watch import Watch
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator

SIZE = 16


def grey_noise(count: int, size: int = SIZE) -> Tensor:
    """Pictures of noise around grey, float32 [N, 3, size, size], far from 0 and 1."""
    return 0.5 + 0.1 * torch.rand(count, 3, size, size, generator=generator("grey", 0))


def untrained(name: str, classes: int, size: int = SIZE) -> Classifier:
    return build(name, classes=tuple("abcdefg"[:classes]), size=size, seed=2)


def test_a_linear_network_s_radius_is_its_margin_over_the_l1_norm_of_its_weights() -> None:
    classifier = untrained("linear", 3)
    pixels = grey_noise(4)
    logits = classifier.predict_logits(pixels)
    labels = logits.argmax(1)
    weight = classifier.network.get_parameter("dense.weight").detach()
    found = linear_bounds(classifier, pixels, labels)
    for row, label, certificate in zip(logits, labels, found, strict=True):
        others = torch.arange(3) != label
        lengths = (weight[label] - weight[others]).abs().sum(1)
        exact = float(((row[label] - row[others]) / lengths).min())
        assert 0.98 * exact <= certificate.radius <= exact


def test_in_exact_arithmetic_the_bound_ends_at_the_exact_radius() -> None:
    classifier, pixels = untrained("linear", 2), grey_noise(1)
    network = trace(classifier, pixels)
    logits = network.values(pixels)[-1][0]
    label = int(logits.argmax())
    weight = classifier.network.get_parameter("dense.weight").detach().double()
    across = weight[label] - weight[1 - label]
    exact = float((logits[label] - logits[1 - label]) / across.abs().sum())
    ahead = torch.tensor([[1.0, -1.0]]).double() * (1 - 2 * label)
    for share, sign in ((1 - 1e-5, 1), (1 + 1e-5, -1)):
        known = bounds(network, pixels, share * exact, arithmetic=EXACT)
        assert sign * float(least(known, network.output, ahead)) > 0


@pytest.mark.parametrize(
    ("network", "classes", "effort", "size"),
    [
        ("simple:width=4,depth=2", 2, "quick", SIZE),
        ("simple:width=4,depth=3", 5, "normal", SIZE),
        ("dense:units=8", 3, "normal", SIZE),
        ("simple:width=4,depth=2", 2, "thorough", SIZE // 2),
        ("dense:units=8", 7, "thorough", SIZE // 2),
    ],
)
def test_nothing_found_lies_within_what_is_proved(
    network: str, classes: int, effort: str, size: int
) -> None:
    classifier = untrained(network, classes, size)
    pixels = grey_noise(2, size)
    labels = classifier.predict_logits(pixels).argmax(1)
    proved = linear_bounds(classifier, pixels, labels, effort=effort)
    shown = fool(classifier, pixels, labels=labels, norm="linf", levels=None)
    for certificate, distance in zip(proved, shown.distance.tolist(), strict=True):
        assert certificate.proof is Proof.PROVED
        assert 0 < certificate.radius < distance


def test_whoever_watches_hears_what_is_proved_and_may_end_it() -> None:
    classifier, pixels = untrained("simple:width=4,depth=2", 3), grey_noise(1)
    labels = classifier.predict_logits(pixels).argmax(1)
    heard: list[float] = []
    watch = Watch(lambda radius, _: heard.append(radius))
    (whole,) = linear_bounds(classifier, pixels, labels, effort="quick", watch=watch)
    assert heard == sorted(heard) and heard[-1] == whole.radius and len(heard) == whole.queries
    first = next(radius for radius in heard if radius)
    so_far: list[float] = []
    ends = Watch(lambda radius, _: so_far.append(radius), lambda: first in so_far)
    (part,) = linear_bounds(classifier, pixels, labels, effort="quick", watch=ends)
    assert part.radius == first < whole.radius and part.proof is Proof.PROVED
    (none,) = linear_bounds(classifier, pixels, labels, watch=Watch(stopped=lambda: True))
    assert none.radius == 0 and none.proof is Proof.NOT_PROVED
    (asked,) = linear_bounds(
        classifier, pixels, labels, radius=first, watch=Watch(stopped=lambda: True)
    )
    assert asked.proof is Proof.NOT_PROVED


def test_more_effort_proves_no_less() -> None:
    classifier, pixels = untrained("simple:width=4,depth=2", 3, SIZE // 2), grey_noise(1, SIZE // 2)
    labels = classifier.predict_logits(pixels).argmax(1)
    radii = [
        [each.radius for each in linear_bounds(classifier, pixels, labels, effort=effort)]
        for effort in ("quick", "normal", "thorough")
    ]
    for quick, normal, thorough in zip(*radii, strict=True):
        assert quick < normal <= thorough


def test_a_wrong_answer_is_misread_and_proves_nothing() -> None:
    classifier, pixels = untrained("simple:width=4,depth=2", 2), grey_noise(1)
    wrong = 1 - classifier.predict_logits(pixels).argmax(1)
    (found,) = linear_bounds(classifier, pixels, wrong)
    assert found.proof is Proof.MISREAD and found.radius == 0 and found.queries == 0


def test_a_certificate_is_the_same_alone_and_among_others() -> None:
    classifier, pixels = untrained("simple:width=4,depth=2", 2), grey_noise(2)
    together = certify(classifier, pixels)
    assert [certify(classifier, pixels[k : k + 1])[0] for k in range(2)] == together


@pytest.mark.parametrize("norm", ["l2", "patch"])
def test_another_norm_names_the_classifier_that_has_it(norm: str) -> None:
    with pytest.raises(PasunchatError, match=r"take (smoothed|masked):"):
        certify(untrained("linear", 2), grey_noise(1), norm=norm)


def test_a_network_without_bounds_says_what_to_take() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 4), nn.GELU(), nn.Linear(4, 2))
    with pytest.raises(PasunchatError, match=r"gelu.*take smoothed:MODEL"):
        certify(Classifier(network), grey_noise(1))


@pytest.mark.parametrize("radius", [0, -1, "much"])
def test_a_radius_that_is_none_is_refused(radius: object) -> None:
    with pytest.raises(PasunchatError, match="radius: expected a number"):
        certify(untrained("linear", 2), grey_noise(1), radius=radius)  # type: ignore[arg-type]
