"""PDPGD on planes whose nearest points are known; its proximal steps against brute force."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.pdpgd import PROX, Pdpgd
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.norms import L0, L1, L2, LINF, NORMS, Norm
from pasunchat.parsing import with_settings
from pasunchat.runtime import generator

SIZE = 8
GRID = torch.linspace(-1.5, 1.5, 30001, dtype=torch.float64)


@pytest.fixture
def linear() -> Classifier:
    """Two classes; photos around the middle lie so near the border that the box is far."""
    found = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        found.network.dense.bias.copy_(torch.tensor([0.03, -0.03]))
    return found


def photos(count: int) -> Tensor:
    levels = torch.randint(100, 156, (count, 3, SIZE, SIZE), generator=generator("photos"))
    return levels.float().div(255)


def slope_and_margin(linear: Classifier, photo: Tensor) -> tuple[Tensor, Tensor]:
    """Of the runner-up over the class read, at one photo."""
    queried = photo[None].clone().requires_grad_()
    logits = linear(queried)[0].sort().values
    (slope,) = torch.autograd.grad(logits[0] - logits[1], queried)
    return slope[0], (logits[0] - logits[1]).detach()


@pytest.mark.parametrize("norm, near", [(L1, 1.25), (L2, 1.2), (LINF, 1.25)])
def test_comes_near_the_nearest_point_of_a_plane(
    linear: Classifier, norm: Norm, near: float
) -> None:
    given = photos(4)
    found = fool(linear, given, attack=Pdpgd(steps=300), norm=norm, levels=None)
    for row in range(4):
        slope, margin = slope_and_margin(linear, given[row])
        least = -margin / norm.dual(slope[None])
        assert found.status[row] == "reached"
        assert least * 0.999 <= found.distance[row] <= near * least


def test_for_few_values_changes_fewer_than_for_a_small_sum(linear: Classifier) -> None:
    given = photos(4)
    few, small = (fool(linear, given, attack=Pdpgd(), norm=norm, levels=None) for norm in (L0, L1))
    change = few.pixels - given
    assert torch.equal(few.distance, L0.measure(change))
    assert (L0.measure(change) <= L0.measure(small.pixels - given)).all()


@pytest.mark.parametrize(
    "setting",
    [{"steps": "0"}, {"lr": "0"}, {"smoothing": "1"}, {"max_ratio": "1"}, {"prox_rounds": "0"}],
)
def test_refuses_settings_that_make_no_sense(setting: dict[str, str]) -> None:
    with pytest.raises(PasunchatError, match=next(iter(setting))):
        with_settings(Pdpgd(), setting, "attack pdpgd")


@pytest.mark.parametrize(("name", "radius"), [("l2", 0.02), ("linf", 1 / 255), ("l0", 1.0)])
def test_a_small_radius_is_kept_and_the_photo_is_never_the_result(
    linear: Classifier, name: str, radius: float
) -> None:
    norm = NORMS[name]
    for levels in (256, None):
        attack = Pdpgd(steps=20)
        found = fool(linear, photos(4), attack=attack, norm=norm, radius=radius, levels=levels)
        assert (found.distance <= radius * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


def one_by_one(noise: float, strength: float, weight: Tensor) -> float:
    """argmin (z - noise)^2 / 2 + strength weight(z), of all z of the grid."""
    return float(GRID[((GRID - noise).square() / 2 + strength * weight).argmin()])


@pytest.mark.parametrize("name, power", [("l1", 1.0), ("l0", 2 / 3)])
@pytest.mark.parametrize("strength", [0.02, 0.1, 0.4])
def test_the_prox_of_single_values_is_the_minimum(name: str, power: float, strength: float) -> None:
    noise = torch.tensor([-1.3, -0.41, -0.1, 0.0, 0.02, 0.25, 0.6, 0.9, 1.2]).view(1, 3, 3, 1)
    found = PROX[name](noise, torch.tensor([strength]))
    weight = GRID.abs() ** power
    best = [one_by_one(float(value), strength, weight) for value in noise.flatten()]
    assert found.flatten().tolist() == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("name", ["l2", "linf", "pixels"])
def test_the_prox_of_rows_is_no_worse_than_any_neighbour(name: str) -> None:
    weights = {
        "l2": L2.measure,
        "linf": LINF.measure,
        "pixels": lambda z: (z.square().sum(1).sqrt() ** (2 / 3)).flatten(1).sum(1),
    }
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3, 2, 2, generator=draw, dtype=torch.float64)
    strength = torch.tensor([0.3, 0.8], dtype=torch.float64)

    def cost(z: Tensor) -> Tensor:
        return (z - noise).square().flatten(1).sum(1) / 2 + strength * weights[name](z)

    found = PROX[name](noise, strength)
    least = cost(found)
    assert (least < cost(noise)).all() and (least <= cost(noise * 0) + 1e-9).all()
    for _ in range(2000):
        near = found + 0.01 * torch.randn(noise.shape, generator=draw, dtype=torch.float64)
        assert (cost(near) >= least - 1e-9).all()


def test_each_row_has_its_own_strength_and_a_prox_of_0_is_the_identity() -> None:
    noise = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    for prox in PROX.values():
        assert torch.allclose(prox(noise, torch.zeros(3)), noise, atol=1e-6)
        both = prox(noise, torch.tensor([0.1, 0.2, 0.3]))
        alone = prox(noise[1:2], torch.tensor([0.2]))
        assert torch.allclose(both[1:2], alone)


def test_what_counts_pixels_keeps_their_colour_and_drops_them_whole() -> None:
    noise = torch.zeros(1, 3, 1, 2)
    noise[0, :, 0, 0] = torch.tensor([0.6, 0.3, -0.1])
    noise[0, :, 0, 1] = torch.tensor([0.03, 0.01, 0.02])
    found = PROX["pixels"](noise, torch.tensor([0.1]))
    share = found[0, :, 0, 0] / noise[0, :, 0, 0]
    assert torch.allclose(share, share[0].expand(3)) and 0 < share[0] < 1
    assert not found[0, :, 0, 1].any()
    assert (PROX["l0"](noise, torch.tensor([0.1])) != 0).sum() == 2


def test_the_soft_threshold_takes_the_strength_off_each() -> None:
    noise = torch.tensor([0.5, -0.2, 0.05]).view(1, 3, 1, 1)
    found = PROX["l1"](noise, torch.tensor([0.1]))
    assert found.flatten().tolist() == pytest.approx([0.4, -0.1, 0.0])
    assert L1.measure(found).item() == pytest.approx(0.5)
