"""Certificates by votes: the bound covers, the radius is the closed form's, bytes are the same."""

from dataclasses import asdict

import pytest
import torch
from scipy.stats import binomtest, norm
from torch import nn

import pasunchat
from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.votes import (
    COUNTED,
    accuracy_under_noise,
    count_votes,
    lower_bound,
    proved_radius,
    refuse_without_noise,
    smoothed_network,
    votes,
)
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError

SIZE, SIGMA = 4, 0.25
UNLIKELY = 1e-4  # probability with which a true bound fails one of these tests


def linear(*directions: torch.Tensor) -> Classifier:
    """The class whose direction the pixels, from grey, lie most along."""
    layer = nn.Linear(3 * SIZE**2, len(directions))
    with torch.no_grad():
        layer.weight.copy_(torch.stack(directions))
        layer.bias.copy_(-0.5 * layer.weight.sum(1))
    return Classifier(nn.Sequential(nn.Flatten(), layer)).eval()


def direction(seed: int) -> torch.Tensor:
    drawn = torch.randn(3 * SIZE**2, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm()


def two_classes() -> tuple[Classifier, torch.Tensor]:
    """A linear classifier, and its normal, of length 1, toward class 0."""
    normal = direction(0)
    return linear(normal, -normal), normal


def at_distance(distances: list[float], normal: torch.Tensor) -> torch.Tensor:
    """Pictures at these L2 distances from the border of `two_classes`, on the side of class 0."""
    rows = [0.5 + distance * normal for distance in distances]
    return torch.stack(rows).view(-1, 3, SIZE, SIZE)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize("of", [100, 1_000, 10_000])
def test_the_bound_is_scipys_and_the_closed_form_where_all_agree(of: int, alpha: float) -> None:
    for votes_for in (1, of // 3, of // 2 + 1, of - 1, of):
        exact = binomtest(votes_for, of).proportion_ci(1 - 2 * alpha, method="exact").low
        assert lower_bound(votes_for, of, alpha) == pytest.approx(exact, abs=1e-9)
    assert lower_bound(of, of, alpha) == pytest.approx(alpha ** (1 / of), abs=1e-12)
    assert lower_bound(0, of, alpha) == 0


def test_the_radius_is_0_up_to_one_half_and_sigma_quantile_above() -> None:
    assert proved_radius(0.5, 0.25) == proved_radius(0.2, 0.25) == 0
    assert proved_radius(float(norm.cdf(1.5)), 0.25) == pytest.approx(0.375)


def test_of_2000_certificates_no_more_are_wrong_than_alpha_allows() -> None:
    """Linear classifiers, whose true radius is the distance to their border. Four photos a call,
    500 calls with other seeds: photos of one call share noise, so each place is judged alone."""
    alpha, distances = 0.05, [0.05, 0.15, 0.25, 0.4]
    base, normal = two_classes()
    smoothed = pasunchat.smoothed(base, SIGMA)
    pixels, labels = at_distance(distances, normal), torch.zeros(4, dtype=torch.int64)
    wrong = [0] * 4
    for seed in range(500):
        found = votes(smoothed, pixels, labels, effort="quick", seed=seed, alpha=alpha)
        for place, certificate in enumerate(found):
            assert certificate.proof in (Proof.PROVED, Proof.ABSTAINED, Proof.MISREAD)
            wrong[place] += certificate.radius > distances[place]
    for count in wrong:
        assert binomtest(count, 500, alpha, alternative="greater").pvalue > UNLIKELY
    assert sum(wrong) > 20  # so near to alpha that a bound without slack would be seen


@pytest.mark.parametrize("distance", [0.05, 0.12, 0.3])
def test_a_linear_classifiers_radius_approaches_its_distance_from_below(distance: float) -> None:
    base, normal = two_classes()
    smoothed, pixels = pasunchat.smoothed(base, SIGMA), at_distance([distance], normal)
    label = torch.zeros(1, dtype=torch.int64)
    radii = [votes(smoothed, pixels, label, effort=effort)[0].radius for effort in COUNTED]
    assert all(radius <= distance for radius in radii)
    assert distance - radii[-1] < 0.03 and distance - radii[-1] < distance - radii[0]


def test_votes_fall_as_often_as_the_closed_form_says() -> None:
    base, normal = two_classes()
    network = smoothed_network(pasunchat.smoothed(base, SIGMA))
    for distance in (-0.1, 0.0, 0.2):
        (tally,) = count_votes(network, at_distance([distance], normal), 10_000, seed=1)
        expected = norm.cdf(distance / SIGMA)
        assert binomtest(int(tally.counted[0]), 10_000, expected).pvalue > UNLIKELY
        assert tally.choosing.sum() == 100 and tally.counted.sum() == 10_000


def test_who_is_not_sure_abstains_and_who_is_wrong_has_no_radius() -> None:
    base, normal = two_classes()
    pixels = at_distance([0.0, 0.3, -0.3], normal)
    found = votes(pasunchat.smoothed(base, SIGMA), pixels, torch.zeros(3, dtype=torch.int64))
    assert [one.proof for one in found] == [Proof.ABSTAINED, Proof.PROVED, Proof.MISREAD]
    assert [one.answer for one in found] == [None, 0, 1]
    assert [one.radius > 0 for one in found] == [False, True, False]
    assert {one.queries for one in found} == {1_100} and {one.alpha for one in found} == {0.001}


def test_of_three_classes_all_others_count_as_one() -> None:
    """One class that leads with less than half of the votes is not certified."""
    normals = [direction(seed) for seed in range(3)]
    smoothed = pasunchat.smoothed(linear(*normals), SIGMA)
    grey, toward = torch.full((48,), 0.5), 0.5 + 0.6 * normals[2]
    pixels = torch.stack([grey, toward]).view(2, 3, SIZE, SIZE)
    between, clear = votes(smoothed, pixels, torch.tensor([0, 2]))
    assert between.proof is Proof.ABSTAINED
    assert clear.proof is Proof.PROVED and clear.answer == 2
    gaps = [(normals[2] - other) for other in normals[:2]]
    true = min(float((0.6 * normals[2]) @ gap / gap.norm()) for gap in gaps)
    assert 0 < clear.radius <= true


def test_a_photo_gets_the_same_certificate_alone_and_among_others() -> None:
    base, normal = two_classes()
    smoothed = pasunchat.smoothed(base, SIGMA)
    pixels = at_distance([0.05, 0.1, 0.2], normal)
    labels = torch.zeros(3, dtype=torch.int64)
    together = votes(smoothed, pixels, labels, effort="quick")
    order = torch.tensor([2, 0, 1])
    assert votes(smoothed, pixels, labels, effort="quick") == together
    assert [together[row] for row in order] == votes(
        smoothed, pixels[order], labels, effort="quick"
    )
    for row in range(3):
        alone = votes(smoothed, pixels[row, None], labels[:1], effort="quick")
        assert alone == together[row : row + 1]
    network = smoothed_network(smoothed)
    others = [
        count_votes(network, pixels[:1], 1_000, seed)[0].counted.tolist() for seed in range(5)
    ]
    assert len({tuple(each) for each in others}) > 1


def test_photos_of_one_call_see_other_noise() -> None:
    """As far from the border and otherwise unlike, they do not get the same votes."""
    base, normal = two_classes()
    along = direction(7)
    along = along - (along @ normal) * normal
    same = torch.stack([0.5 + 0.05 * normal + 0.1 * k * along for k in range(4)])
    network = smoothed_network(pasunchat.smoothed(base, SIGMA))
    tallies = count_votes(network, same.view(4, 3, SIZE, SIZE), 1_000, seed=0)
    assert len({tuple(each.counted.tolist()) for each in tallies}) == 4


def test_it_names_the_smoothed_classifier_and_progress_ends_at_all() -> None:
    base, normal = two_classes()
    smoothed, seen = pasunchat.smoothed(base, SIGMA), []
    (found,) = votes(
        smoothed,
        at_distance([0.2], normal),
        torch.zeros(1, dtype=torch.int64),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found.of == smoothed.digest() != base.digest()
    assert asdict(found)["norm"] == "l2" and seen[-1] == (1, 1) and seen == sorted(seen)


def test_what_cannot_be_certified_is_refused() -> None:
    base, normal = two_classes()
    pixels, labels = at_distance([0.2], normal), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(PasunchatError, match="take smoothed:"):
        votes(base, pixels, labels)
    with pytest.raises(PasunchatError, match="quick, normal, thorough"):
        votes(pasunchat.smoothed(base), pixels, labels, effort="much")
    with pytest.raises(PasunchatError, match="alpha"):
        votes(pasunchat.smoothed(base), pixels, labels, alpha=0)


def test_a_classifier_that_never_saw_noise_is_refused_with_what_trains_one() -> None:
    base, normal = two_classes()
    base.known_as = "runs/mine"
    pixels = at_distance([0.005] * 60, normal)
    labels = torch.zeros(60, dtype=torch.int64)
    smoothed = pasunchat.smoothed(base, SIGMA)
    assert accuracy_under_noise(smoothed, pixels, labels) == pytest.approx(0.51, abs=0.2)
    with pytest.raises(PasunchatError, match=r"--start runs/mine --defend noise:0\.25"):
        refuse_without_noise(smoothed, pixels, labels)
    refuse_without_noise(smoothed, at_distance([0.3] * 60, normal), labels)
