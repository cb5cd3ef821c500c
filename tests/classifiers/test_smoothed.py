"""A smoothed classifier: what it answers, and that it is another classifier than the one inside."""

from pathlib import Path

import pytest
import torch
from torch import nn

import pasunchat
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.smoothed import _fixed_noise
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.runtime import generator

SIZE = 16


@pytest.fixture
def base() -> Classifier:
    made = build("simple", classes=("cat", "dog"), size=SIZE, seed=3).eval()
    with torch.no_grad():  # so that noisy pictures get both answers, many of them narrowly
        noise = 0.5 * torch.randn(100, 3, SIZE, SIZE, generator=generator("noise"))
        made.network[-1].bias -= made(pictures(100) + noise).mean(0)
    return made


def pictures(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator("pictures")) / 255


def test_the_label_is_the_vote_of_the_same_unclipped_noise_for_every_picture(
    base: Classifier,
) -> None:
    pixels, smoothed = pictures(40), pasunchat.smoothed(base, 0.5, draws=9)
    noise = 0.5 * _fixed_noise(0, 9, 3, SIZE, SIZE)
    said = torch.stack([base.predict_logits(pixels + some).argmax(1) for some in noise], 1)
    expected = (said.sum(1) * 2 > 9).long()  # 9 votes on two classes: no ties
    logits = smoothed.predict_logits(pixels)
    assert torch.equal(logits.argmax(1), expected) and len(expected.unique()) == 2
    alone = torch.cat([smoothed.predict_logits(one[None]) for one in pixels])
    assert torch.allclose(alone, logits, atol=1e-5)


def test_noise_is_standard_normal_and_a_function_of_seed_and_draw() -> None:
    noise = _fixed_noise(0, 40, 3, SIZE, SIZE)
    assert abs(float(noise.mean())) < 4 / noise.numel() ** 0.5
    assert abs(float(noise.std()) - 1) < 4 / (2 * noise.numel()) ** 0.5
    assert torch.equal(_fixed_noise(0, 12, 3, SIZE, SIZE), noise[:12])
    assert not torch.equal(_fixed_noise(1, 12, 3, SIZE, SIZE), noise[:12])


def test_noise_comes_before_the_preprocessing_and_is_measured_in_pixels() -> None:
    """A normalisation inside does not change what sigma means."""
    plain = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 2))).eval()
    scaled = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 2)), mean=0.5, std=0.1)
    with torch.no_grad():
        scaled.network[1].weight.copy_(plain.network[1].weight * 0.1)
        scaled.network[1].bias.copy_(plain(torch.full((1, 3, SIZE, SIZE), 0.5))[0])
    pixels = pictures(5)
    one, other = (pasunchat.smoothed(each, 0.3).predict_logits(pixels) for each in (plain, scaled))
    assert torch.allclose(one, other, atol=1e-4)


def test_its_digest_is_its_own_and_follows_every_setting_and_the_base(base: Classifier) -> None:
    same = pasunchat.smoothed(base, 0.25)
    others = [
        base,
        pasunchat.smoothed(base, 0.5),
        pasunchat.smoothed(base, 0.25, draws=16),
        pasunchat.smoothed(base, 0.25, seed=1),
        pasunchat.smoothed(build("simple", classes=("cat", "dog"), size=SIZE, seed=4), 0.25),
        pasunchat.masked(base),
        pasunchat.masked(base, 0.1),
    ]
    assert same.digest() == pasunchat.smoothed(base).digest()
    assert len({each.digest() for each in (same, *others)}) == len(others) + 1


def test_it_is_no_run_and_none_of_our_networks(base: Classifier) -> None:
    """So nothing of it is written among the run's own results, or saved as the network inside."""
    base.origin = Path("runs/mine")
    smoothed = pasunchat.smoothed(base)
    assert smoothed.origin is None and not smoothed.is_ours
    assert smoothed.classes == base.classes and smoothed.size == base.size
    with pytest.raises(PasunchatError, match="external"):
        pasunchat.save(smoothed, "nowhere")


def test_a_base_that_looks_at_the_whole_batch_is_asked_one_picture_at_a_time() -> None:
    """Else the noisy versions of a picture would decide each other's answers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.Linear(3 * SIZE**2, 2)
        )
    base = Classifier(network).eval()
    pixels, noise = pictures(3), 0.25 * _fixed_noise(0, 4, 3, SIZE, SIZE)
    with pytest.warns(PasunchatWarning, match="pictures beside it"):
        logits = pasunchat.smoothed(base, draws=4).predict_logits(pixels)
    with torch.no_grad():
        alone = [torch.cat([network((one + n)[None]) for n in noise]) for one in pixels]
    expected = torch.stack([each.softmax(1).mean(0).log() for each in alone])
    assert torch.allclose(logits.softmax(1), expected.softmax(1), atol=0.01)


@pytest.mark.parametrize("settings", [{"sigma": 0.0}, {"sigma": -1.0}, {"draws": 0}])
def test_settings_that_mean_nothing_are_refused(base: Classifier, settings: dict) -> None:
    with pytest.raises(PasunchatError, match="expected"):
        pasunchat.smoothed(base, **settings)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_an_attack_is_judged_by_the_vote_that_it_searched(base: Classifier, norm: str) -> None:
    pixels = pictures(6)
    smoothed = pasunchat.smoothed(base, 0.1, draws=8)
    before = smoothed.predict_logits(pixels)
    found = pasunchat.fool(smoothed, pixels, before.argmax(1), norm=norm, effort="quick")
    assert found.status.count("reached") >= 4
    noise = 0.1 * _fixed_noise(0, 8, 3, SIZE, SIZE)
    for row, status in enumerate(found.status):
        votes = base.predict_logits(found.pixels[row] + noise).argmax(1)
        other = int((votes != int(before[row].argmax())).sum())
        assert (other >= 4) == (status == "reached")
