from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pasunchat.attacks.losses import LOSSES, difference_of_logits_ratio, log_probability
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.errors import PasunchatError
from pasunchat.norms import L1, L2, LINF, NORMS, Norm, sparse_step

LOGITS = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, -1.0]])


def test_margins_of_reaching_and_leaving() -> None:
    classes = torch.tensor([2, 0])
    assert Goal(classes).margin(LOGITS).tolist() == [-1.0, 5.0]
    assert Goal(classes, targeted=False).margin(LOGITS).tolist() == [1.0, -5.0]
    assert Goal(classes).reached(LOGITS).tolist() == [False, True]


def test_a_tie_is_not_reached() -> None:
    tied = torch.tensor([[1.0, 1.0]])
    for reach in (True, False):
        assert not Goal(torch.tensor([0]), reach).reached(tied).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6), st.data())
def test_reached_is_what_argmax_says(row: list[float], data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(row) - 1))
    logits, classes = torch.tensor([row], dtype=torch.float64), torch.tensor([label])
    clear = logits.topk(2).values.diff().abs().item() > 1e-4
    if clear:
        answer = logits.argmax(1).item()
        assert Goal(classes).reached(logits).item() == (answer == label)
        assert Goal(classes, targeted=False).reached(logits).item() == (answer != label)


def test_losses_grow_toward_the_goal() -> None:
    classes = torch.tensor([2, 0])
    nearer = LOGITS.clone()
    nearer[0, 2], nearer[1, 0] = 2.5, 6.0
    assert (log_probability(nearer, Goal(classes)) > log_probability(LOGITS, Goal(classes))).all()
    leave = Goal(classes, targeted=False)
    assert (log_probability(nearer, leave) < log_probability(LOGITS, leave)).all()
    expected = LOGITS.softmax(1).gather(1, classes[:, None]).log().squeeze(1)
    assert torch.allclose(log_probability(LOGITS, Goal(classes)), expected)


def test_snapping_finds_the_nearest_of_256_levels() -> None:
    problem = Problem(torch.zeros(1, 3, 1, 1), Goal(torch.tensor([0])))
    snapped = problem.snap(torch.tensor([0.0, 7.49, 7.51, 255.0]) / 255)
    assert (snapped * 255).tolist() == pytest.approx([0, 7, 8, 255])
    assert torch.equal(problem.snap(snapped), snapped)


def test_without_levels_nothing_is_snapped() -> None:
    pixels = torch.rand(1, 3, 2, 2)
    assert torch.equal(Problem(pixels, Goal(torch.tensor([0])), levels=None).snap(pixels), pixels)


def test_rows_of_a_problem_go_together() -> None:
    problem = Problem(torch.rand(3, 3, 2, 2), Goal(torch.tensor([0, 1, 2])))
    part = problem.rows(torch.tensor([2, 0]))
    assert torch.equal(part.pixels, problem.pixels[[2, 0]])
    assert part.goal.classes.tolist() == [2, 0]


def probability_of_what_is_read(logits: torch.Tensor, goal: Goal) -> torch.Tensor:
    chances = logits.softmax(1)
    if goal.targeted:
        return chances.gather(1, goal.classes[:, None]).squeeze(1)
    return chances.scatter(1, goal.classes[:, None], 0).amax(1)


@pytest.mark.parametrize("reach", [True, False])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_confidence_is_a_probability(reach: bool, classes: int) -> None:
    draw = torch.Generator().manual_seed(classes)
    logits = torch.randn(200, classes, generator=draw, dtype=torch.float64) * 4
    goal = Goal(torch.randint(0, classes, (200,), generator=draw), reach, confidence=0.9)
    read = probability_of_what_is_read(logits, goal)
    assert torch.equal(goal.reached(logits), read > 0.9)
    assert 0 < goal.reached(logits).sum() < 200


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 2.0])
def test_a_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(PasunchatError, match="between 0 and 1"):
        Goal(torch.tensor([0]), confidence=confidence)


def test_a_network_a_thousand_times_as_sure_is_judged_the_same() -> None:
    logits = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    logits[:, 1] = logits[:, 0] + logits[:, 1] * 1e-6
    goal = Goal(torch.zeros(500, dtype=torch.int64))
    assert torch.equal(goal.reached(logits), goal.reached(logits * 1024))
    assert 0 < goal.reached(logits).sum() < 500


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_grows_toward_the_goal(name: str) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, -4.0], [5.0, 0.0, -1.0, 2.0]])
    nearer = logits.clone()
    nearer[0, 2], nearer[1, 1] = 2.5, 0.5
    goal = Goal(torch.tensor([2, 1]))
    assert (LOSSES[name](nearer, goal) > LOSSES[name](logits, goal)).all()


def test_dlr_is_the_papers_and_knows_its_limits() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, -4.0]])
    leave, reach = Goal(torch.tensor([1]), targeted=False), Goal(torch.tensor([0]))
    assert difference_of_logits_ratio(logits, leave).item() == pytest.approx(-(3 - 2) / (3 - 1))
    expected = -(3 - 1) / (3 - (1 + -4) / 2)
    assert difference_of_logits_ratio(logits, reach).item() == pytest.approx(expected)
    with pytest.raises(PasunchatError, match=r"3 classes.*has 2"):
        difference_of_logits_ratio(logits[:, :2], leave)
    with pytest.raises(PasunchatError, match=r"4 classes.*has 3"):
        difference_of_logits_ratio(logits[:, :3], reach)


def test_snapping_stays_inside_the_radius() -> None:
    photo = torch.tensor([10.0, 10.0, 10.0]).view(1, 3, 1, 1) / 255
    radius = torch.tensor([1.4 / 255])
    problem = Problem(photo, Goal(torch.tensor([0])), LINF, radius=radius)
    asked = photo + torch.tensor([1.3, -1.4, 0.6]).view(1, 3, 1, 1) / 255
    levels = (problem.snap(asked) * 255).flatten().tolist()
    assert levels == pytest.approx([11, 9, 11])
    tight = Problem(photo, Goal(torch.tensor([0])), LINF, radius=torch.tensor([0.7 / 255]))
    assert (tight.snap(photo + 0.65 / 255) * 255).flatten().tolist() == pytest.approx([10] * 3)
    assert tight.within(photo).all() and not tight.within(photo + 1 / 255).any()


def test_a_mask_says_what_may_change() -> None:
    photo, mask = torch.zeros(1, 3, 1, 2), torch.tensor([[[[True, False]]]])
    problem = Problem(photo, Goal(torch.tensor([0])), mask=mask)
    assert problem.allowed(torch.ones_like(photo)).sum(1).flatten().tolist() == [3, 0]


def test_rows_take_radius_and_mask_along() -> None:
    radius, mask = torch.arange(3.0), torch.arange(3).view(3, 1, 1, 1) > 0
    goal = Goal(torch.tensor([0, 1, 2]))
    problem = Problem(torch.rand(3, 3, 1, 1), goal, radius=radius, mask=mask)
    part = problem.rows(torch.tensor([2, 0]))
    assert part.radius is not None and part.mask is not None
    assert part.radius.tolist() == [2, 0]
    assert part.mask.flatten().tolist() == [True, False]


def test_at_the_border_of_a_one_logit_head_a_tie_is_still_a_tie() -> None:
    border, goal = torch.tensor([[0.0, 1e-7]]), Goal(torch.tensor([1]))
    assert goal.reached(border)
    assert not replace(goal, scale=torch.tensor([3.0])).reached(border)
    assert replace(goal, scale=torch.tensor([3.0])).rows(torch.tensor([0])).scale == 3


KEYS = torch.tensor([3, 4])


def bounded(norm: Norm, radius: float, levels: int | None = None, size: int = 8) -> Problem:
    drawn = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    photo = drawn.mul(255).round().div(255)
    return Problem(photo, Goal(torch.zeros(2).long()), norm, levels, torch.full((2,), radius))


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
@pytest.mark.parametrize("levels", [None, 256])
def test_what_is_asked_keeps_to_the_radius_the_box_and_the_grid(
    norm: Norm, levels: int | None
) -> None:
    given = bounded(norm, {"linf": 3.5 / 255, "l2": 0.2, "l1": 1.0}[norm.name], levels)
    radius = given.usable_radius()
    far = given.pixels + torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    pixels = given.round_inside(radius, given.inside(radius, far))
    assert bool(given.within(pixels).all())
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert (given.distance(pixels) > 0.8 * given.radius).all()
    if levels:
        assert (pixels * 255 - (pixels * 255).round()).abs().max() < 1e-4


def test_a_radius_between_two_levels_is_the_lower_one() -> None:
    for radius, expected in ((1.0, 1), (1.999, 1), (0.5, 0)):
        assert torch.allclose(
            bounded(LINF, radius / 255, 256).usable_radius() * 255, torch.tensor(float(expected))
        )


@pytest.mark.parametrize("radius", [0.0, 1e-6, 1 / 255])
def test_rounding_does_not_leave_a_small_radius(radius: float) -> None:
    given = bounded(LINF, radius)
    usable = given.usable_radius()
    assert bool(given.within(given.inside(usable, given.pixels + 1)).all())
    assert bool(given.within(given.inside(usable, given.pixels - 1)).all())


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
    given = bounded(L1, 0.3, size=2)
    far = given.pixels + torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(2)) / 3
    found = given.inside(given.radius, far)
    for row in range(2):
        photo, wanted = (values[row].double().numpy().ravel() for values in (given.pixels, far))
        expected = nearest_by_scipy(photo, wanted, 0.3)
        assert np.allclose(found[row].double().numpy().ravel(), expected, atol=2e-4)


def test_l1_leaves_what_is_inside_already() -> None:
    given = bounded(L1, 5.0)
    near = (given.pixels + 0.01).clamp(0, 1)
    assert torch.allclose(given.inside(given.radius, near), near, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: norm.name)
def test_what_is_drawn_is_inside_and_the_row_s_own(norm: Norm) -> None:
    radius = {"linf": 0.1, "l2": 1.0, "l1": 3.0, "l0": 5.0, "pixels": 5.0}[norm.name]
    given = bounded(norm, radius)
    drawn = given.sample(given.radius, KEYS)
    assert bool(given.within(drawn).all())
    assert drawn.min() >= 0 and drawn.max() <= 1
    second = torch.tensor([1])
    alone = given.rows(second).sample(given.radius[second], KEYS[1:])
    assert torch.equal(alone[0], drawn[1])
    assert not torch.equal(drawn, given.pixels)


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_a_step_is_as_long_as_one(norm: Norm) -> None:
    gradient = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    step = norm.step(gradient)
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


@pytest.mark.parametrize("norm", [LINF, L2, L1], ids=lambda norm: norm.name)
def test_in_float_a_radius_is_exact_and_on_a_grid_rounding_is_forgiven(norm: Norm) -> None:
    photo = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) / 2
    goal, radius = Goal(torch.tensor([0])), norm.measure(torch.full_like(photo, 0.012))
    exact = Problem(photo, goal, norm, None, radius)
    assert exact.within(exact.inside(exact.usable_radius(), photo + 0.5)).all()
    assert exact.close_enough(radius).all()
    assert not exact.close_enough(radius * (1 + 3e-6)).any()
    assert replace(exact, levels=256).close_enough(radius * (1 + 3e-6)).all()
