"""HopSkipJump: labels only, towards the known optimum of a linear classifier."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.hop_skip_jump import HopSkipJump
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, Norm

SIZE = 6
GOAL = Goal(torch.ones(2).long())


class Step(nn.Module):
    """Two logits that tell only the side of a plane on which the pixels lie."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(3 * SIZE * SIZE, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(drawn / drawn.norm())

    def forward(self, pixels: Tensor) -> Tensor:
        side = ((pixels.contiguous().flatten(1) - 0.5) @ self.weight - 0.4).sign()
        return torch.stack([-side, side], 1)


STEP = Classifier(Step())


def photos() -> Tensor:
    drawn = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return drawn.mul(40).add(108).round().div(255)


@pytest.mark.parametrize(("norm", "within"), [(L2, 1.15), (LINF, 1.35)])
def test_comes_near_the_optimum_by_labels_only(norm: Norm, within: float) -> None:
    found = fool(
        STEP, photos(), goal=GOAL, attack=HopSkipJump(queries=2400), norm=norm, levels=None
    )
    weight = STEP.network.weight.detach()
    missing = 0.4 - (photos().flatten(1) - 0.5) @ weight
    optimum = missing / norm.dual(weight[None, :, None, None])
    assert found.status == (Status.REACHED,) * 2
    assert (found.distance < within * optimum).all()
    assert (found.distance > 0.999 * optimum).all()
    assert found.backwards.sum() == 0
    assert (found.forwards == 2400).all()


def test_more_queries_are_nearer() -> None:
    few, many = (
        fool(STEP, photos(), goal=GOAL, attack=HopSkipJump(queries=queries), levels=None).distance
        for queries in (120, 1200)
    )
    assert (many < few).all()


def test_gives_up_where_nothing_reaches() -> None:
    class Always(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.tensor([[1.0, 0.0]]).expand(len(pixels), -1)

    found = fool(Classifier(Always()), photos(), goal=GOAL, attack=HopSkipJump())
    assert Status.REACHED not in found.status
    assert (found.distance > 0).all()  # never the photo itself
    assert (found.forwards == 100).all()


def test_with_a_radius_it_ends_inside_it() -> None:
    found = fool(STEP, photos(), goal=GOAL, attack=HopSkipJump(), radius=1.0, levels=None)
    assert found.status == (Status.REACHED,) * 2
    assert (found.distance <= 1.0).all()
    assert (found.forwards < 5000).all()


@pytest.mark.parametrize(("norm", "radius"), [(L2, 0.05), (LINF, 1 / 255)])
def test_a_small_radius_is_kept_and_the_photo_is_never_the_result(
    norm: Norm, radius: float
) -> None:
    for levels in (256, None):
        attack = HopSkipJump(queries=200)
        found = fool(
            STEP, photos(), goal=GOAL, attack=attack, norm=norm, radius=radius, levels=levels
        )
        assert (found.distance <= radius * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


def test_the_queries_are_the_same_whatever_rows_are_searched_beside() -> None:
    attack, second = HopSkipJump(queries=400), slice(1, 2)
    both = fool(STEP, photos(), goal=GOAL, attack=attack, levels=None)
    alone = fool(STEP, photos()[second], goal=GOAL.rows(second), attack=attack, levels=None)
    assert alone.distance.tolist() == pytest.approx(both.distance[second].tolist(), rel=1e-3)


@pytest.mark.parametrize("name", ["queries", "directions"])
def test_impossible_settings_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        HopSkipJump(**{name: 0})
