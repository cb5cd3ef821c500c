"""The talk's attack against itself written plainly, photo by photo, with torch's own Adam."""

import math

import pytest
import torch
from torch.nn import functional

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.learned_noise import LearnedNoise, _glorot_uniform
from pasunchat.attacks.problem import Goal
from pasunchat.classifiers.build import build
from pasunchat.runtime import generator, seed_from
from pasunchat.storage import sha256

SIZE = 32


def on_the_grid(count: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=draw).float().div(255)


def plainly(classifier, photo, target, noise, steps, patience):
    noise = noise.clone().requires_grad_()
    adam = torch.optim.Adam([noise], lr=1e-3, eps=1e-7)
    best, result, waited = math.inf, noise, 0
    for _ in range(steps):
        logits = classifier((photo + noise).clamp(0, 1)[None])
        loss = 0.1 * noise.square().sum() + functional.cross_entropy(logits, target[None])
        if loss.item() < best:
            best, result, waited = loss.item(), noise.detach().clone(), 0
        else:
            waited += 1
            if waited >= patience:
                break
        adam.zero_grad()
        loss.backward()
        adam.step()
    return (photo + result).clamp(0, 1)


@pytest.mark.parametrize(
    ("steps", "patience", "nearly"), [(40, 1000, {"rel": 1e-3}), (1000, 10, {"rel": 0.02})]
)
def test_it_is_the_talk_s_loop(steps: int, patience: int, nearly: dict[str, float]) -> None:
    classifier = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    photos = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    goal = Goal(1 - classifier.predict_logits(photos).argmax(1))
    method = LearnedNoise(steps=steps, patience=patience)
    found = fool(classifier, photos, goal=goal, attack=method, levels=None)
    for row, photo in enumerate(photos):
        content = photo.permute(1, 2, 0).contiguous().numpy().tobytes()
        key = seed_from(0, sha256(content), int(goal.classes[row]))
        start = _glorot_uniform(photo.shape, generator(key))
        expected = plainly(classifier, photo, goal.classes[row], start, steps, patience)
        size = (expected - photo).norm().item()
        assert found.distance[row].item() == pytest.approx(size, **nearly)
        theirs, ours = classifier.predict_logits(
            torch.stack([expected, found.pixels[row]])
        ).softmax(1)
        assert ours.tolist() == pytest.approx(theirs.tolist(), **nearly)


def test_noise_starts_as_keras_draws_it() -> None:
    noise = _glorot_uniform(torch.Size((3, 224, 224)), generator(0))
    limit = math.sqrt(6 / (224 * 224 + 224 * 3))
    assert noise.shape == (3, 224, 224)
    assert noise.abs().max() <= limit
    assert noise.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01)
    assert noise.mean().abs() < limit / 100


def test_a_lower_constant_fools_more_surely_and_shows_more() -> None:
    classifier = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    photo = on_the_grid(1)
    high, low = (fool(classifier, photo, attack=LearnedNoise(const=c)) for c in (0.1, 0.01))
    assert low.margin > high.margin
    assert low.distance > high.distance


def test_patience_and_steps_end_the_search() -> None:
    classifier = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    photo = on_the_grid(1)
    assert fool(classifier, photo, attack=LearnedNoise(steps=7)).backwards.tolist() == [7]
    impatient = fool(classifier, photo, attack=LearnedNoise(patience=1, lr=10.0))
    assert impatient.backwards.item() < 10


def test_its_result_is_inside_a_radius_and_never_the_photo() -> None:
    classifier = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    for levels in (256, None):
        attack = LearnedNoise(lr=0.01, steps=20)
        found = fool(classifier, on_the_grid(2), attack=attack, radius=0.05, levels=levels)
        assert (found.distance <= 0.05 * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


def test_only_its_own_result_is_asked_about_on_the_grid() -> None:
    classifier = build("simple", classes=("cat", "dog"), size=SIZE, seed=1)
    attack = LearnedNoise(steps=20, lr=0.01, patience=20)
    found = fool(classifier, on_the_grid(1), attack=attack)
    assert found.backwards.tolist() == [20]
    assert found.forwards.tolist() == [22]  # each step, the loop's last query, and the result


@pytest.mark.parametrize(
    "settings", [{"const": -1.0}, {"lr": math.nan}, {"steps": 0}, {"patience": 0}], ids=str
)
def test_impossible_settings_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(settings))}: expected"):
        LearnedNoise(**settings)
