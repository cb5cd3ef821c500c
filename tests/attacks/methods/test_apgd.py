"""APGD against its paper's schedule, against the authors' way of writing it, and against optima."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.apgd import Apgd, checkpoints
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.norms import L1, L2, LINF, Norm

SIZE = 6
LEFT = Goal(torch.zeros(2).long(), targeted=False)


class Bent(nn.Module):
    """Three logits that bend strongly; class 0 leads by far."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.first = nn.Parameter(torch.randn(3 * SIZE * SIZE, 40, generator=generator) * 2)
        self.second = nn.Parameter(torch.randn(40, 3, generator=generator))

    def forward(self, pixels: Tensor) -> Tensor:
        seen = (pixels.contiguous().flatten(1) - 0.5) @ self.first
        logits: Tensor = seen.sin() @ self.second
        return logits + torch.tensor([60.0, 0, 0])


class Flat(nn.Module):
    """Two logits, linear; class 0 leads by 20 at mid-grey."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(3 * SIZE * SIZE, generator=torch.Generator().manual_seed(3))
        )

    def forward(self, pixels: Tensor) -> Tensor:
        lead = 10 - (pixels.contiguous().flatten(1) - 0.5) @ self.weight
        return torch.stack([lead, -lead], 1)


BENT, FLAT = Classifier(Bent()), Classifier(Flat())
GREY = torch.full((2, 3, SIZE, SIZE), 0.5)


def test_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == (22, 41, 57, 70, 80, 87, 93, 99)
    assert checkpoints(100, even=True) == tuple(range(4, 100, 4))
    assert checkpoints(1) == (1,)


def plainly(photo: Tensor, radius: float, steps: int) -> float:
    """The best margin of APGD in LINF for one photo, written with lists as in the paper."""

    def look(pixels: Tensor) -> tuple[float, Tensor]:
        asked = pixels.clone().requires_grad_()
        margin = Goal(torch.tensor([0]), False).margin(BENT(asked[None]))
        return float(margin.detach()), torch.autograd.grad(margin.sum(), asked)[0]

    def cut(pixels: Tensor) -> Tensor:
        return pixels.clamp(photo - radius, photo + radius).clamp(0, 1)

    check, eta = checkpoints(steps), 2 * radius
    now, before, last, halved = photo, photo, 0, False
    losses: list[float] = []
    best = checked = -float("inf")
    best_point, best_gradient = photo, torch.zeros_like(photo)
    for k in range(steps + 1):
        loss, gradient = look(now)
        losses.append(loss)
        if loss > best:
            best, best_point, best_gradient = loss, now, gradient
        if k in check:
            rises = sum(losses[i] > losses[i - 1] for i in range(last + 1, k + 1))
            few = rises < 0.75 * (k - last)
            halved = few or (not halved and checked >= best)
            checked, last = best, k
            if halved:
                eta, now, gradient = eta / 2, best_point, best_gradient
        ahead = cut(now + eta * gradient.sign())
        moved = now + 0.75 * (ahead - now) + 0.25 * (now - before) if k else ahead
        now, before = cut(moved), now
    return best


@pytest.mark.parametrize("steps", [12, 40])
def test_is_the_paper_s_algorithm(steps: int) -> None:
    drawn = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4))
    attack = Apgd(steps=steps, random=False)
    found = fool(BENT, drawn, goal=LEFT, attack=attack, norm=LINF, radius=0.03, levels=None)
    assert found.status == (Status.NOT_REACHED,) * 2
    expected = [plainly(photo, 0.03, steps) for photo in drawn]
    assert torch.allclose(found.margin, torch.tensor(expected), atol=2e-2)
    assert (found.backwards == steps).all()
    assert (found.forwards == steps + 1).all()


@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize(("norm", "radius"), [(LINF, 4 / 255), (L2, 0.3), (L1, 3.0)])
def test_reaches_the_optimum_of_a_linear_lead(
    norm: Norm, radius: float, levels: int | None
) -> None:
    grey = GREY if levels is None else (GREY * 255).round() / 255
    found = fool(
        FLAT, grey, goal=LEFT, attack=Apgd(steps=60), norm=norm, radius=radius, levels=levels
    )
    weight = FLAT.network.weight.detach()[None, :, None, None]
    if norm is L1:  # the largest values, as far as the box lets them
        room = weight.abs().flatten().sort(descending=True).values
        gain = 0.5 * room[:6].sum()
    else:
        gain = radius * norm.dual(weight)
    before = Goal(found.goal, False).margin(found.before_logits)
    short = 0.9 if levels and norm is not LINF else 0.99  # whole levels spend less of the radius
    assert (found.margin - before > short * 2 * gain).all()
    assert (found.margin - before < 1.001 * 2 * gain).all()


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_radius_zero_returns_the_photo(norm: Norm) -> None:
    found = fool(FLAT, GREY, goal=LEFT, attack=Apgd(steps=5), norm=norm, radius=0.0, levels=None)
    assert torch.equal(found.pixels, GREY)


def test_the_ratio_of_the_paper_refuses_two_classes() -> None:
    attack = Apgd(steps=3, loss_function="dlr")
    settings = {"goal": LEFT, "attack": attack, "norm": LINF, "radius": 0.1, "levels": None}
    with pytest.raises(PasunchatError, match="margin"):
        fool(FLAT, GREY, **settings)
    assert len(fool(BENT, GREY, **settings).status) == 2


def test_no_step_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        Apgd(steps=0)
