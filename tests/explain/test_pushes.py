"""Pushes add up to what changed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.explain import Pushes, pushes

Draw = Callable[..., NDArray[np.uint8]]


def nudged(image: NDArray[np.uint8], most: int = 3, seed: int = 1) -> NDArray[np.uint8]:
    change = np.random.default_rng(seed).integers(-most, most + 1, image.shape)
    return (image.astype(int) + change).clip(0, 255).astype(np.uint8)


def adds_up(found: Pushes) -> None:
    change = found.after - found.before
    assert found.complete
    assert abs(found.total - change) <= 1e-3 * abs(change)
    assert found.values.sum(dtype=float) == pytest.approx(found.total, abs=1e-5)
    assert found.toward == (found.values > 0).sum() and found.away == (found.values < 0).sum()
    assert len(found.walk) == 101 and found.walk[0] == 0
    assert found.walk[-1] == pytest.approx(found.total, abs=1e-9)


def test_pushes_are_the_change_of_the_lead(simple: Classifier, picture: Draw) -> None:
    photo = picture(224)
    changed = nudged(photo)
    found = pushes(simple, photo, changed, 1)
    adds_up(found)
    before, after = simple.logits(np.stack([photo, changed]))
    assert found.before == pytest.approx(float(before[1] - before[0]), abs=1e-4)
    assert found.after == pytest.approx(float(after[1] - after[0]), abs=1e-4)
    assert found.changed == len(found.values) == (photo != changed).sum()
    each = found.as_map(224, 224)
    assert each.sum(dtype=float) == pytest.approx(found.total, abs=1e-4)
    assert not each[(photo == changed).all(2)].any()


def test_of_a_linear_network_a_push_is_change_times_weight(picture: Draw) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3))
    photo = picture(8)
    changed = nudged(photo)
    found = pushes(Classifier(network), photo, changed, 2, 0)
    weight = (network[1].weight[2] - network[1].weight[0]).detach().reshape(3, 8, 8)
    change = (changed.astype(float) - photo) / 255
    expected = (weight.permute(1, 2, 0).numpy() * change).reshape(-1)
    assert np.allclose(found.values, expected[found.places], atol=1e-7)
    adds_up(found)


def test_the_other_way_round_they_push_back(simple: Classifier, picture: Draw) -> None:
    photo = picture(224)
    changed = nudged(photo)
    there, back = pushes(simple, photo, changed, 1), pushes(simple, changed, photo, 1)
    assert there.total == pytest.approx(-back.total, rel=2e-3)


def test_nothing_changed_is_nothing_pushed(simple: Classifier, picture: Draw) -> None:
    found = pushes(simple, picture(224), picture(224), 1)
    assert (found.changed, found.total, found.toward, found.complete) == (0, 0.0, 0, True)
    assert found.walk == (0.0,) * 101


def test_without_a_gradient_it_is_said(picture: Draw) -> None:
    class Opaque(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self.inner(pixels).detach().numpy().copy())

    with pytest.raises(PasunchatError, match="no gradient comes back through Opaque"):
        pushes(Classifier(Opaque()), picture(8), nudged(picture(8)), 1)


def test_a_network_that_jumps_ends_with_pushes_that_are_not_complete() -> None:
    """Its slope says nothing of the jump, and halving never comes to the end of it."""

    class Jumps(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            light = pixels.mean((1, 2, 3))
            jump = (light > 0.4).to(light) * 5 + 1e-3 * light
            return torch.stack((-jump, jump), 1)

    photo = np.full((4, 4, 3), 100, np.uint8)
    found = pushes(Classifier(Jumps(), size=4), photo, photo + np.uint8(9), 1)
    assert not found.complete
    assert found.after - found.before > 9 and abs(found.total) < 1
