"""Inside a radius, in the box, on the grid."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from pasunchat.attacks.methods.common import (
    anywhere_inside,
    inside,
    on_grid,
    sparse_step,
    steepest_step,
    usable_radius,
)
from pasunchat.attacks.norms import L1, L2, LINF, NORMS, Norm
from pasunchat.attacks.problem import Goal, Problem

KEYS = torch.tensor([3, 4])


def problem(norm: Norm, radius: float, levels: int | None = None, size: int = 8) -> Problem:
    drawn = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    photo = drawn.mul(255).round().div(255)
    return Problem(photo, Goal(torch.zeros(2).long()), norm, levels, torch.full((2,), radius))


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
@pytest.mark.parametrize("levels", [None, 256])
def test_what_is_asked_keeps_to_the_radius_the_box_and_the_grid(
    norm: Norm, levels: int | None
) -> None:
    given = problem(norm, {"linf": 3.5 / 255, "l2": 0.2, "l1": 1.0}[norm.name], levels)
    radius = usable_radius(given)
    far = given.pixels + torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    pixels = on_grid(given, radius, inside(given, radius, far))
    assert bool(given.within(pixels).all())
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert (given.distance(pixels) > 0.8 * given.radius).all()
    if levels:
        assert (pixels * 255 - (pixels * 255).round()).abs().max() < 1e-4


def test_a_radius_between_two_levels_is_the_lower_one() -> None:
    for radius, expected in ((1.0, 1), (1.999, 1), (0.5, 0)):
        assert torch.allclose(
            usable_radius(problem(LINF, radius / 255, 256)) * 255, torch.tensor(float(expected))
        )


@pytest.mark.parametrize("radius", [0.0, 1e-6, 1 / 255])
def test_rounding_does_not_leave_a_small_radius(radius: float) -> None:
    given = problem(LINF, radius)
    usable = usable_radius(given)
    assert bool(given.within(inside(given, usable, given.pixels + 1)).all())
    assert bool(given.within(inside(given, usable, given.pixels - 1)).all())


def nearest_by_scipy(photo: np.ndarray, wanted: np.ndarray, radius: float) -> np.ndarray:
    """The point nearest to `wanted` in ball and box; by the parts up and down of the change, so
    that the ball has no corners."""
    half = len(photo)
    best = minimize(
        lambda parts: ((photo + parts[:half] - parts[half:] - wanted) ** 2).sum(),
        np.zeros(2 * half),
        bounds=[*((0, 1 - value) for value in photo), *((0, value) for value in photo)],
        constraints={"type": "ineq", "fun": lambda parts: radius - parts.sum()},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return photo + best.x[:half] - best.x[half:]


def test_l1_is_the_nearest_point_of_ball_and_box() -> None:
    given = problem(L1, 0.3, size=2)
    far = given.pixels + torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(2)) / 3
    found = inside(given, given.radius, far)
    for row in range(2):
        photo, wanted = (values[row].double().numpy().ravel() for values in (given.pixels, far))
        expected = nearest_by_scipy(photo, wanted, 0.3)
        assert np.allclose(found[row].double().numpy().ravel(), expected, atol=2e-4)


def test_l1_leaves_what_is_inside_already() -> None:
    given = problem(L1, 5.0)
    near = (given.pixels + 0.01).clamp(0, 1)
    assert torch.allclose(inside(given, given.radius, near), near, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: norm.name)
def test_what_is_drawn_is_inside_and_the_row_s_own(norm: Norm) -> None:
    radius = {"linf": 0.1, "l2": 1.0, "l1": 3.0, "l0": 5.0, "pixels": 5.0}[norm.name]
    given = problem(norm, radius)
    drawn = anywhere_inside(given, given.radius, KEYS)
    assert bool(given.within(drawn).all())
    assert drawn.min() >= 0 and drawn.max() <= 1
    second = torch.tensor([1])
    alone = anywhere_inside(given.rows(second), given.radius[second], KEYS[1:])
    assert torch.equal(alone[0], drawn[1])
    assert not torch.equal(drawn, given.pixels)


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_a_step_is_as_long_as_one(norm: Norm) -> None:
    gradient = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    step = steepest_step(norm, gradient)
    assert torch.allclose(norm.measure(step), torch.ones(2), atol=1e-5)
    assert ((step * gradient).flatten(1).sum(1) > 0).all()


def test_a_sparse_step_takes_the_largest() -> None:
    gradient = torch.arange(1.0, 13).view(1, 3, 2, 2) * torch.tensor([-1.0, 1]).repeat(6).view(
        1, 3, 2, 2
    )
    step = sparse_step(gradient, torch.tensor([0.25])).flatten()
    assert step.nonzero().squeeze(1).tolist() == [9, 10, 11]
    assert torch.allclose(step.abs().sum(), torch.tensor(1.0))
    assert sparse_step(torch.zeros(1, 3, 2, 2), torch.tensor([0.25])).abs().sum() == 0
