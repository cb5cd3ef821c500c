"""The changes along a direction: their lengths, that they are the least, and what bounds them."""

from itertools import product

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.methods.turning.family import (
    FAMILIES,
    Sought,
    power_between,
    scale_for,
    sharpness_at,
    soft_signs,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.norms import normalize


def problem_of(pixels: Tensor, levels: int | None) -> Problem:
    return Problem(pixels, Goal(torch.zeros(len(pixels), dtype=torch.int64)), levels=levels)


def drawn(rows: int, seed: int = 0, size: int = 8) -> tuple[Tensor, Tensor]:
    """Pixels on the grid, a few of them at its ends, and unit directions."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(-40, 296, (rows, 3, size, size), generator=generator).clamp(0, 255)
    return pixels / 255, normalize(torch.randn(rows, 3, size, size, generator=generator))


def row(*values: float) -> Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_length_grows_with_the_scale(norm: str, levels: int | None) -> None:
    pixels, direction = drawn(2)
    problem = problem_of(pixels, levels)
    scales = torch.linspace(0.1, 20, 40) * (1 if levels else 1 / 255)
    lengths = [FAMILIES[norm].at(problem, direction, s.expand(2), 1.0)[1] for s in scales]
    assert (torch.stack(lengths).diff(dim=0) >= 0).all()
    assert (lengths[-1] > lengths[0]).all()


@pytest.mark.parametrize("levels", [None, 256])
def test_the_length_is_the_change_along_the_direction(levels: int | None) -> None:
    pixels, direction = drawn(3)
    scale = row(3, 9, 40) / (1 if levels else 255)
    found, length = FAMILIES["l2"].at(problem_of(pixels, levels), direction, scale, 1.0)
    assert torch.allclose(((found - pixels) * direction).sum((1, 2, 3)), length, atol=1e-6)
    assert found.min() >= 0 and found.max() <= 1
    if levels:
        assert torch.equal(found, (found * 255).round() / 255)


def test_no_smaller_change_on_the_grid_goes_as_far() -> None:
    pixels = row(0, 3, 250).view(1, 3, 1, 1) / 255
    room = (range(7), range(4), range(6))  # the first goes up, the second down, the third up
    for seed in range(20):
        draw = torch.rand(3, generator=torch.Generator().manual_seed(seed)) + 0.05
        direction = normalize((draw * row(1, -1, 1)).view(1, 3, 1, 1))
        for scale in (1.0, 2.3, 4.7):
            found, length = FAMILIES["l2"].at(problem_of(pixels, 256), direction, row(scale), 1.0)
            size = ((found - pixels) * 255).square().sum().item()
            for steps in product(*room):
                gain = sum(
                    abs(v) * q for v, q in zip(direction.flatten().tolist(), steps, strict=True)
                )
                less = sum(q * q for q in steps) < size - 0.5
                assert not (less and gain > length.item() * 255 + 1e-4)


@pytest.mark.parametrize("levels", [None, 256])
def test_it_meets_a_length(levels: int | None) -> None:
    pixels, direction = drawn(4, size=24)
    length, guess = row(0.2, 0.5, 1, 2), row(1, 1, 1, 1) * (255 if levels else 1)
    sought = Sought(length, guess, row(1, 1, 1, 1), length * 0)
    found = FAMILIES["l2"].of_length(problem_of(pixels, levels), direction, sought, 1.0)
    assert torch.allclose(found.length, length, rtol=0.011)
    again, _ = FAMILIES["l2"].at(problem_of(pixels, levels), direction, found.scale, 1.0)
    assert torch.equal(found.pixels, again)


def test_a_length_that_does_not_exist_gives_the_longest_change() -> None:
    pixels, direction = drawn(1)
    sought = Sought(row(1e3), row(255), row(1), row(0))
    found = FAMILIES["l2"].of_length(problem_of(pixels, 256), direction, sought, 2 / 255)
    farthest = ((pixels * 255 + 2 * direction.sign()).round().clamp(0, 255)) / 255
    assert torch.equal(found.pixels, farthest)


@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_value_moves_by_more_than_the_most(norm: str, levels: int | None) -> None:
    pixels, direction = drawn(2)
    scale = row(500, 3000) / (1 if levels else 255)
    found, _ = FAMILIES[norm].at(problem_of(pixels, levels), direction, scale, 3 / 255)
    assert (found - pixels).abs().max() == pytest.approx(3 / 255, abs=1e-6)


def test_linf_moves_by_signs_in_the_end_and_nearly_before() -> None:
    pixels, direction = drawn(1)
    problem, full = problem_of(pixels, None), (pixels + 0.01 * direction.sign()).clamp(0, 1)
    found, length = FAMILIES["linf"].at(problem, direction, row(0.01), 1.0)
    assert torch.equal(found, full) and length.item() == pytest.approx(0.01)
    moved_by_all = []
    for progress in (0.0, 0.5, 1.0):
        sought = Sought(row(0.01), row(0.01), row(1), sharpness_at(row(progress)))
        soft = FAMILIES["linf"].of_length(problem, direction, sought, 1.0)
        moved_by_all.append(int((soft.pixels == full).sum()))
        assert ((soft.pixels - pixels) * direction >= 0).all()
    assert moved_by_all == sorted(set(moved_by_all))
    assert moved_by_all[-1] < full.numel()


def test_both_memory_layouts_go_the_same_way() -> None:
    pixels, direction = drawn(2)
    last = [v.contiguous(memory_format=torch.channels_last) for v in (pixels, direction)]
    one = problem_of(pixels, 256).moved(direction, row(30, 30))
    assert torch.equal(one, problem_of(last[0], 256).moved(last[1], row(30, 30)))


def test_soft_signs_are_signs_but_for_small_values() -> None:
    root_mean_square = 3 / 3**0.5
    direction = normalize(row(3.0, -0.4, 0.0).view(1, 3, 1, 1))
    first, last = (
        soft_signs(direction, sharpness_at(row(part))).flatten().tolist() for part in (0.0, 1.0)
    )
    assert first == pytest.approx([1, -4 * 0.4 / root_mean_square, 0], rel=0.01)
    assert last == [1, -1, 0]


def test_a_power_is_read_off_two_points_and_followed() -> None:
    power = power_between(row(2), row(4), row(3), row(9), row(7))
    assert power.item() == pytest.approx(2)
    assert scale_for(row(36), row(3), row(9), power).item() == pytest.approx(6)
    assert power_between(row(2), row(4), row(2), row(4), row(7)).item() == 7
