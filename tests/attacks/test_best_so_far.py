"""What a device is given to do, where the host does not wait, ends in the same bytes."""

import pytest
import torch

from pasunchat.attacks import best_so_far as best
from pasunchat.attacks.fool import fool
from pasunchat.attacks.norms import L2, LINF, Norm
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier

SIZE = 16


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple:width=16", classes=("cat", "dog"), size=SIZE, seed=3).eval()


@pytest.mark.parametrize("levels", [256, None], ids=["grid", "float"])
@pytest.mark.parametrize(
    ("attack", "norm", "radius"),
    [("turning:gradients=6", L2, None), ("ddn:steps=8", L2, None), ("pgd:steps=5", LINF, 24 / 255)],
)
def test_all_rows_at_once_are_as_the_rows_concerned(
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    attack: str,
    norm: Norm,
    radius: float | None,
    levels: int | None,
) -> None:
    drawn = torch.randint(0, 256, (6, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    asked = {"attack": attack, "norm": norm, "radius": radius, "levels": levels}
    found = fool(classifier, drawn / 255, **asked)
    assert "reached" in found.status
    monkeypatch.setattr(best, "_must_wait", lambda ask: ask.pixels.shape[1] == 1)
    same = fool(classifier, drawn / 255, **asked)
    assert torch.equal(found.pixels, same.pixels) and found.status == same.status
    assert torch.equal(found.forwards, same.forwards)
