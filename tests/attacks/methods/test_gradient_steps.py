"""The family of gradient steps against the same written plainly, and inside masks and radii."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.gradient_steps import (
    ADMIX,
    BIM,
    DIM,
    EOT_PGD,
    FGSM,
    MI_FGSM,
    NEIGHBOURS,
    NI_FGSM,
    PGD,
    SIM,
    TI_FGSM,
    VMI_FGSM,
    GradientSteps,
    blurred,
)
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L1, L2, LINF, Norm

SIZE = 6
LEFT = Goal(torch.zeros(2).long(), targeted=False)


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
    named = {
        "FGSM": FGSM, "BIM": BIM, "MI-FGSM": MI_FGSM, "PGD": PGD, "NI-FGSM": NI_FGSM,
        "TI-FGSM": TI_FGSM, "VMI-FGSM": VMI_FGSM, "DIM": DIM, "SIM": SIM, "Admix": ADMIX,
        "EOT": EOT_PGD,
    }  # fmt: skip
    for word, attack in named.items():
        assert attack.info.paper.startswith(word + ":")


def mean_normalized(gradient: Tensor) -> Tensor:
    return gradient / gradient.abs().mean((1, 2, 3), keepdim=True)


def cut(pixels: Tensor, radius: float) -> Tensor:
    return pixels.clamp(photos() - radius, photos() + radius).clamp(0, 1)


def margins(points: list[Tensor]) -> Tensor:
    return torch.stack([CURVED(p).detach().diff(dim=1).squeeze(1) for p in points]).amax(0)


def test_nesterov_takes_the_gradient_ahead() -> None:
    radius, step = 2 / 255, 0.2 / 255
    now, direction, asked = photos(), torch.zeros_like(photos()), []
    for _ in range(NI_FGSM.steps):
        asked.append(cut(now + step * direction, radius))
        direction = direction + mean_normalized(slope(asked[-1]))
        now = cut(now + step * direction.sign(), radius)
    asked.append(cut(now + step * direction, radius))
    assert torch.allclose(attacked(NI_FGSM).margin, margins(asked), atol=1e-5)


def test_scaled_views_average_the_gradient_of_darker_copies() -> None:
    attack = GradientSteps(steps=4, step_size=0.1, random=False, views="scaled")
    radius, step, points = 2 / 255, 0.2 / 255, [photos()]
    for _ in range(attack.steps):
        asked = points[-1].clone().requires_grad_()
        losses = [CURVED(asked / 2**i).diff(dim=1).sum() for i in range(5)]
        (gradient,) = torch.autograd.grad(sum(losses), asked)
        points.append(cut(points[-1] + step * gradient.sign(), radius))
    found = attacked(attack)
    assert torch.allclose(found.margin, margins(points), atol=1e-5)
    assert found.backwards.tolist() == [20, 20] and found.forwards.tolist() == [25, 25]


def test_repeated_views_of_a_steady_network_change_nothing() -> None:
    attack = GradientSteps(steps=5, step_size=0.1, random=False)
    repeated = attacked(GradientSteps(steps=5, step_size=0.1, random=False, views="repeated"))
    assert torch.allclose(repeated.pixels, attacked(attack).pixels, atol=1e-6)
    assert repeated.backwards.tolist() == [50, 50]


def test_repeated_views_steady_a_network_that_answers_at_random() -> None:
    class Noisy(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return CURVED(pixels) + 3 * (torch.randn_like(pixels) * pixels).mean((1, 2, 3))[
                :, None
            ] * torch.tensor([1.0, -1.0])

    def gain(attack: GradientSteps) -> float:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            pixels = fool(
                Classifier(Noisy()), photos(), goal=LEFT, attack=attack, norm=LINF, radius=2 / 255,
                levels=None,
            ).pixels  # fmt: skip
        return float((margins([pixels]) - margins([photos()])).mean())

    one = GradientSteps(steps=3, step_size=0.3, random=False)
    many = GradientSteps(steps=3, step_size=0.3, random=False, views="repeated")
    assert gain(many) > gain(one)


def test_a_blurred_gradient_is_a_weighted_mean_of_its_neighbours() -> None:
    flat = torch.ones(1, 3, 9, 9)
    assert torch.allclose(blurred(flat, 5)[..., 2:-2, 2:-2], flat[..., 2:-2, 2:-2], atol=1e-6)
    point = torch.zeros(1, 3, 9, 9)
    point[0, 1, 4, 4] = 1
    seen = blurred(point, 5)
    assert seen[0, 1].sum() == pytest.approx(1, abs=1e-6) and not seen[0, ::2].any()
    assert seen[0, 1, 4, 4] == seen.amax() and torch.allclose(seen, seen.transpose(2, 3))
    assert torch.equal(blurred(point, 1), point)


def test_variance_is_the_neighbours_gradient_less_the_own() -> None:
    """Over a linear margin all gradients are one, so that nothing is added."""
    linear = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2)))
    settings = {"goal": LEFT, "norm": LINF, "radius": 1e-4, "levels": None}
    tuned = fool(linear, photos(), attack=VMI_FGSM, **settings)
    plain = fool(linear, photos(), attack=MI_FGSM, **settings)
    assert torch.allclose(tuned.pixels, plain.pixels, atol=1e-7)
    assert attacked(VMI_FGSM).backwards.tolist() == [10 * (1 + NEIGHBOURS)] * 2


FAMILY = ["dim", "sim", "admix", "vmi-fgsm", "ti-fgsm", "ni-fgsm", "eot-pgd"]


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize(("norm", "radius"), [(LINF, 4 / 255), (L2, 0.3), (L1, 2.0)])
@pytest.mark.parametrize("levels", [256, None], ids=["grid", "float"])
def test_the_transfer_family_keeps_to_mask_and_radius_and_gains(
    name: str, norm: Norm, radius: float, levels: int | None
) -> None:
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[:, SIZE // 2 :] = True
    found = fool(
        CURVED, photos(), goal=LEFT, attack=ATTACKS[name], norm=norm, radius=radius,
        levels=levels, mask=mask,
    )  # fmt: skip
    assert (found.distance <= radius * (1 + 1e-5)).all()
    assert torch.equal(found.pixels[..., : SIZE // 2], photos()[..., : SIZE // 2])
    assert (found.pixels[..., SIZE // 2 :] != photos()[..., SIZE // 2 :]).any()
    assert (found.margin > Goal(found.goal, False).margin(found.before_logits)).all()


@pytest.mark.parametrize("name", FAMILY)
def test_the_transfer_family_draws_from_the_seed(name: str) -> None:
    def pixels(seed: int) -> Tensor:
        return fool(
            CURVED, photos(), goal=LEFT, attack=name, norm=LINF, radius=4 / 255, seed=seed
        ).pixels

    before = torch.random.get_rng_state()
    assert torch.equal(pixels(1), pixels(1))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"step_size": -1.0}, {"momentum": float("nan")}, {"blur": 4}, {"views": "no"}],
    ids=str,
)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        GradientSteps(**wrong)  # type: ignore[arg-type]
