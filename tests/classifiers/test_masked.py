"""A masked classifier: its windows cover every patch, and its two rounds are PatchCleanser's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import Tensor, nn

import pasunchat
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.masked import BLANK, Masking, patch_side, shown_beside
from pasunchat.errors import PasunchatError

SIZE = 8


@given(
    height=some.integers(4, 24),
    width=some.integers(4, 24),
    area=some.floats(0.001, 0.4),
    windows=some.integers(2, 7),
)
def test_every_place_of_a_patch_is_inside_a_window(
    height: int, width: int, area: float, windows: int
) -> None:
    side = patch_side(area, height, width)
    if side > min(height, width):
        with pytest.raises(PasunchatError, match="smaller area"):
            shown_beside(Masking(area, windows), height, width)
        return
    assert (side - 1) ** 2 < area * height * width <= side**2 * (1 + 1e-12)
    hidden = ~shown_beside(Masking(area, windows), height, width)
    assert hidden.shape == (windows**2, 1, height, width)
    for top in range(height - side + 1):
        for left in range(width - side + 1):
            patch = hidden[:, 0, top : top + side, left : left + side]
            assert bool(patch.flatten(1).all(1).any())


def test_at_96_pixels_and_2_percent_a_window_is_as_the_study_measured() -> None:
    hidden = ~shown_beside(Masking(), 96, 96)
    assert patch_side(0.02, 96, 96) == 14
    assert set(hidden.flatten(1).sum(1).tolist()) == {27 * 27} and len(hidden) == 36


def toy(seed: int, classes: int = 3) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, classes)
        base = Classifier(nn.Sequential(*layers)).eval()
        with torch.no_grad():  # so that pictures get all its answers, many of them narrowly
            layers[-1].bias -= base(torch.rand(50, 3, SIZE, SIZE)).mean(0)
    return base


def plain_two_rounds(base: Classifier, picture: Tensor, shown: Tensor) -> int | None:
    """Algorithm 1 of the paper, line by line; None where the first round has no majority."""

    def ask(keep: Tensor) -> int:
        seen = torch.where(keep, picture, torch.tensor(BLANK))
        return int(base.predict_logits(seen[None]).argmax())

    first = [ask(keep) for keep in shown]
    counts = sorted((first.count(label) for label in set(first)), reverse=True)
    if len(counts) > 1 and counts[0] == counts[1]:
        return None
    majority = max(set(first), key=first.count)
    for keep, label in zip(shown, first, strict=True):
        if label != majority and all(ask(keep & other) == label for other in shown):
            return label
    return majority


def test_the_label_is_that_of_the_papers_two_rounds() -> None:
    shown = shown_beside(Masking(0.06, 3), SIZE, SIZE)
    pixels = torch.rand(25, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    unlike, overruled = 0, 0
    for seed in range(3):
        base = toy(seed)
        found = pasunchat.masked(base, 0.06, windows=3).predict_logits(pixels).argmax(1)
        expected = [plain_two_rounds(base, picture, shown) for picture in pixels]
        known = [row for row, label in enumerate(expected) if label is not None]
        assert [int(found[row]) for row in known] == [expected[row] for row in known]
        inside = base.predict_logits(pixels).argmax(1)
        unlike += int((inside != found).sum())
        for row in known:
            first = base.predict_logits(torch.where(shown, pixels[row], torch.tensor(BLANK)))
            overruled += int(first.argmax(1).mode().values) != expected[row]
    assert unlike and overruled  # the photos do tell the ways apart


def test_a_search_follows_a_gradient_and_the_two_rounds_judge_it() -> None:
    base = toy(1, 2)
    masked = pasunchat.masked(base, 0.06, windows=3)
    shown = shown_beside(Masking(0.06, 3), SIZE, SIZE)
    pixels = torch.randint(0, 256, (6, 3, SIZE, SIZE)) / 255
    before = masked.predict_logits(pixels).argmax(1)
    found = pasunchat.fool(masked, pixels, before, norm="l2", effort="quick")
    reached = [row for row, status in enumerate(found.status) if status == "reached"]
    assert len(reached) >= 4
    for row in reached:
        label = plain_two_rounds(base, found.pixels[row], shown)
        assert label is None or label != int(before[row])


@pytest.mark.parametrize("settings", [{"area": 0.0}, {"area": 1.0}, {"windows": 1}])
def test_settings_that_mean_nothing_are_refused(settings: dict) -> None:
    with pytest.raises(PasunchatError, match="expected"):
        pasunchat.masked(toy(0), **settings)
