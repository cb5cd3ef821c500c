"""Norms against brute force, SciPy, and what holds for every projection and every dual."""

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pasunchat.norms import (
    L0,
    L1,
    L2,
    LINF,
    NORMS,
    PIXELS,
    Norm,
    batch_view,
    normalize,
    row_sums,
)

CONVEX = (L2, LINF, L1)
SHAPE = torch.Size((3, 2, 3))
seeds = st.integers(0, 2**32)
every_norm = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
each_convex = pytest.mark.parametrize("norm", CONVEX, ids=[norm.name for norm in CONVEX])


def drawn(seed: int, rows: int, shape: torch.Size = SHAPE) -> torch.Tensor:
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def along(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one * other).flatten(1).sum(1)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 5))
def test_norms_agree_with_torch(seed: int, rows: int) -> None:
    noise = drawn(seed, rows) * (drawn(seed + 1, rows) > 0)
    flat = noise.flatten(1)
    for norm, order in ((L2, 2), (LINF, torch.inf), (L1, 1), (L0, 0)):
        expected = torch.linalg.vector_norm(flat, order, 1)
        assert torch.allclose(norm.measure(noise), expected)
    pixels = torch.linalg.vector_norm(noise.abs().sum(1).flatten(1), 0, 1)
    assert torch.equal(PIXELS.measure(noise), pixels)


def test_one_level_in_one_value_is_one_255th() -> None:
    noise = torch.zeros(1, 3, 4, 4)
    noise[0, 1, 2, 3] = 1 / 255
    for norm in CONVEX:
        assert norm.measure(noise).item() == pytest.approx(1 / 255)
    assert L0.measure(noise).item() == PIXELS.measure(noise).item() == 1


def test_three_values_of_one_pixel_are_one_pixel() -> None:
    noise = torch.zeros(1, 3, 4, 4)
    noise[0, :, 2, 3] = 0.5
    assert L0.measure(noise).item() == 3
    assert PIXELS.measure(noise).item() == 1


def test_a_row_s_sum_is_the_same_bits_in_any_company() -> None:
    values = torch.randn(7, 3, 50, 50)
    together = row_sums(values)
    assert all(torch.equal(together[k], row_sums(values[k : k + 1])[0]) for k in range(7))
    assert row_sums(values[:0]).shape == (0,)


@every_norm
def test_a_row_is_the_same_bits_in_any_company(norm: Norm) -> None:
    noise, radius = drawn(0, 5), torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0])
    for row in range(5):
        only = slice(row, row + 1)
        alone, together = norm.project(noise[only], radius[only]), norm.project(noise, radius)
        assert torch.equal(alone[0], together[row])
        assert torch.equal(norm.steepest(noise[only])[0], norm.steepest(noise)[row])
        assert torch.equal(norm.dual(noise[only])[0], norm.dual(noise)[row])


@every_norm
def test_both_memory_layouts_are_projected_alike(norm: Norm) -> None:
    noise, radius = drawn(0, 4), torch.full((4,), 1.0)
    last = noise.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(norm.project(noise, radius), norm.project(last, radius), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.01, 20))
def test_a_projection_is_inside_and_leaves_what_is_inside(seed: int, size: float) -> None:
    noise, radius = drawn(seed, 3), torch.full((3,), size)
    for norm in NORMS.values():
        radius = radius.ceil() if norm in (L0, PIXELS) else radius
        near = norm.project(noise, radius)
        assert (norm.measure(near) <= radius * (1 + 1e-6)).all(), norm.name
        assert torch.allclose(norm.project(near, radius), near, atol=1e-6), norm.name
        small = near * 0.5
        assert torch.equal(norm.project(small, radius), small), norm.name


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.01, 20))
def test_a_projection_on_a_convex_ball_is_the_nearest(seed: int, size: float) -> None:
    """P is the nearest to x in a ball exactly if no z in it has (x - P).(z - P) > 0; the largest
    (x - P).z in the ball is the radius times the dual of x - P."""
    noise, radius = drawn(seed, 3).double(), torch.full((3,), size, dtype=torch.float64)
    for norm in CONVEX:
        near = norm.project(noise, radius)
        off = noise - near
        furthest = radius * norm.dual(off)
        assert torch.allclose(furthest, along(off, near), rtol=1e-6, atol=1e-6), norm.name


@each_convex
def test_a_projection_is_no_farther_than_scipys(norm: Norm) -> None:
    """Which may end early, where a ball has corners: how early differs from machine to machine."""
    noise, radius = drawn(4, 1, torch.Size((1, 2, 2))).double(), torch.tensor([0.7]).double()
    start = noise.flatten().numpy()

    def room(values: np.ndarray) -> float:
        return 0.7 - float(norm.measure(torch.from_numpy(values).view_as(noise)))

    limits = {"type": "ineq", "fun": room}
    found = minimize(
        lambda values: ((values - start) ** 2).sum(), start * 0.1, constraints=[limits], tol=1e-12
    )
    near = norm.project(noise, radius)
    assert norm.measure(near) <= 0.7 * (1 + 1e-9)
    assert ((near - noise) ** 2).sum().item() <= found.fun * (1 + 1e-3)


@pytest.mark.parametrize("count", (1, 2, 4))
def test_the_sparse_projections_agree_with_brute_force(count: int) -> None:
    noise = drawn(9, 1, torch.Size((3, 2, 2)))
    radius = torch.tensor([float(count)])

    def best(parts: torch.Tensor) -> float:
        """The largest sum of squares that `count` of the parts [M, ...] keep."""
        sums = parts.square().flatten(1).sum(1)
        return max(float(sums[list(some)].sum()) for some in combinations(range(len(sums)), count))

    values, pixels = noise[0].flatten()[:, None], noise[0].flatten(1).T
    for norm, parts in ((L0, values), (PIXELS, pixels)):
        near = norm.project(noise, radius)
        assert norm.measure(near).item() == count
        assert near.square().sum().item() == pytest.approx(best(parts), rel=1e-6)


@every_norm
def test_a_radius_of_zero_leaves_nothing(norm: Norm) -> None:
    assert not norm.project(drawn(1, 2), torch.zeros(2)).any()


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_steepest_has_size_one_and_rises_by_the_dual(seed: int) -> None:
    gradient = drawn(seed, 3)
    for norm in NORMS.values():
        steepest = norm.steepest(gradient)
        assert torch.allclose(norm.measure(steepest), torch.ones(3)), norm.name
        assert torch.allclose(along(steepest, gradient), norm.dual(gradient)), norm.name
        assert steepest.abs().max() <= 1 + 1e-6, norm.name


@every_norm
def test_no_other_change_of_size_one_rises_more(norm: Norm) -> None:
    gradient, keys = drawn(5, 1), torch.arange(200)
    others = norm.sample(keys, SHAPE, torch.ones(200))
    assert (along(others, gradient) <= norm.dual(gradient) + 1e-6).all()


@every_norm
def test_without_a_slope_nothing_is_steep(norm: Norm) -> None:
    flat = torch.zeros(2, *SHAPE)
    assert not norm.steepest(flat).any()
    assert not norm.dual(flat).any()
    assert not normalize(flat).any()


def test_known_duals() -> None:
    gradient = torch.tensor([3.0, -4.0, 0.0]).view(1, 3, 1, 1)
    expected = {"l2": 5.0, "linf": 7.0, "l1": 4.0, "l0": 4.0, "pixels": 7.0}
    assert {name: norm.dual(gradient).item() for name, norm in NORMS.items()} == expected


@every_norm
def test_a_sample_is_inside_and_of_its_key_alone(norm: Norm) -> None:
    keys, radius = torch.tensor([7, 8, 7]), torch.tensor([2.0, 2.0, 2.0])
    noise = norm.sample(keys, SHAPE, radius)
    assert noise.shape == (3, *SHAPE)
    assert (norm.measure(noise) <= radius * (1 + 1e-6)).all()
    assert torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[1])
    assert torch.equal(noise[1], norm.sample(keys[1:2], SHAPE, radius[1:2])[0])


@every_norm
def test_a_sample_leaves_the_global_random_state_alone(norm: Norm) -> None:
    before = torch.random.get_rng_state()
    norm.sample(torch.tensor([1]), SHAPE, torch.ones(1))
    assert torch.equal(before, torch.random.get_rng_state())


@each_convex
def test_samples_fill_the_ball_evenly(norm: Norm) -> None:
    """Uniform in a ball of d dimensions: size^d is uniform, and the directions cancel out."""
    shape = torch.Size((3, 1, 1))
    noise = norm.sample(torch.arange(600), shape, torch.full((600,), 2.0))
    share = (norm.measure(noise) / 2) ** 3
    assert share.mean().item() == pytest.approx(0.5, abs=4 * sqrt(1 / 12 / 600))
    assert (share < 0.25).float().mean().item() == pytest.approx(0.25, abs=0.08)
    assert noise.mean(0).abs().max() < 0.2


@pytest.mark.parametrize("norm", (L0, PIXELS), ids=("l0", "pixels"))
def test_sparse_samples_change_as_many_as_asked(norm: Norm) -> None:
    noise = norm.sample(torch.arange(20), SHAPE, torch.full((20,), 3.0))
    assert (norm.measure(noise) == 3).all()


def test_batch_view_goes_with_pixels() -> None:
    scaled = batch_view(torch.tensor([2.0, 3.0])) * torch.ones(2, 3, 1, 1)
    assert scaled.flatten(1).sum(1).tolist() == [6, 9]
