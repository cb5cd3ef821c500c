"""FGSM, BIM, MI-FGSM and PGD against the same written plainly, and against the known optimum."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import BIM, FGSM, MI_FGSM, PGD, GradientSteps
from pasunchat.attacks.norms import L1, L2, LINF, Norm
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier

SIZE = 6
LEFT = Goal(torch.zeros(2).long(), reach=False)


class Curved(nn.Module):
    """Two logits, whose lead bends; class 0 leads, and can be left."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(3 * SIZE * SIZE, 20, generator=generator) / 8)
        self.second = nn.Parameter(torch.randn(20, generator=generator))

    def forward(self, pixels: Tensor) -> Tensor:
        seen = (pixels.contiguous().flatten(1) - 0.5) @ self.first
        lead = 0.6 + seen.tanh() @ self.second
        return torch.stack([lead, -lead], 1)


CURVED = Classifier(Curved())


def photos() -> Tensor:
    drawn = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(9))
    return drawn.mul(60).add(100).round().div(255)


def slope(pixels: Tensor) -> Tensor:
    """The gradient of the other class's lead."""
    asked = pixels.clone().requires_grad_()
    logits = CURVED(asked)
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), asked)
    return gradient


def attacked(attack: GradientSteps, norm: Norm = LINF, radius: float = 2 / 255) -> AttackResult:
    return fool(CURVED, photos(), goal=LEFT, attack=attack, norm=norm, radius=radius, levels=None)


def test_the_photos_are_not_fooled_by_a_radius_this_small() -> None:
    assert attacked(PGD).status == (Status.NOT_REACHED,) * 2  # so that below all steps are made


def test_one_step_is_fgsm() -> None:
    expected = (photos() + 2 / 255 * slope(photos()).sign()).clamp(0, 1)
    for attack in (FGSM, GradientSteps(steps=1, random=False)):
        assert torch.allclose(attacked(attack).pixels, expected, atol=1e-6)


def plainly(momentum: float, steps: int, step: float, radius: float) -> list[Tensor]:
    """The points of BIM and MI-FGSM."""
    photo, mean, points = photos(), torch.zeros_like(photos()), [photos()]
    for _ in range(steps):
        gradient = slope(points[-1])
        mean = momentum * mean + gradient / gradient.abs().sum((1, 2, 3), keepdim=True)
        if not momentum:
            mean = gradient
        moved = points[-1] + step * mean.sign()
        points.append(moved.clamp(photo - radius, photo + radius).clamp(0, 1))
    return points


@pytest.mark.parametrize("attack", [BIM, MI_FGSM], ids=["bim", "mi-fgsm"])
def test_the_best_of_the_points_is_kept(attack: GradientSteps) -> None:
    points = plainly(attack.momentum, attack.steps, 0.2 / 255, 2 / 255)
    leads = torch.stack([CURVED(p).detach().diff(dim=1).squeeze(1) for p in points])
    assert torch.allclose(attacked(attack).margin, leads.amax(0), atol=1e-5)


@pytest.mark.parametrize("attack", [FGSM, BIM, MI_FGSM, PGD])
@pytest.mark.parametrize(("norm", "radius"), [(LINF, 2 / 255), (L2, 0.3), (L1, 2.0)])
def test_stays_inside_and_comes_nearer(attack: GradientSteps, norm: Norm, radius: float) -> None:
    found = attacked(attack, norm, radius)
    assert (found.distance <= radius * (1 + 1e-5)).all()
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1
    assert (found.margin > Goal(found.goal, False).margin(found.before_logits)).all()
    assert (found.backwards <= attack.steps).all()
    assert (found.forwards <= attack.steps + 1).all()


@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_radius_zero_returns_the_photo(norm: Norm, levels: int | None) -> None:
    found = fool(CURVED, photos(), goal=LEFT, attack=PGD, norm=norm, radius=0.0, levels=levels)
    assert torch.equal(found.pixels, photos())
    assert found.status == (Status.NOT_REACHED,) * 2


def test_logits_a_thousand_times_as_large_change_nothing() -> None:
    class Sure(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = CURVED(pixels) * 1024
            return logits

    sure = Classifier(Sure())
    settings = {"goal": LEFT, "attack": PGD, "norm": LINF, "radius": 4 / 255}
    assert torch.equal(
        fool(sure, photos(), **settings).pixels, fool(CURVED, photos(), **settings).pixels
    )


def test_each_setting_names_its_paper() -> None:
    for attack, word in ((FGSM, "FGSM"), (BIM, "BIM"), (MI_FGSM, "MI-FGSM"), (PGD, "PGD")):
        assert attack.paper.startswith(word + ":")


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"step_size": -1.0}, {"momentum": float("nan")}], ids=str
)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        GradientSteps(**wrong)  # type: ignore[arg-type]
