"""Lines under and over a maximum against what is known exactly."""

import pytest
import torch

from pasunchat.certificates.bounds.intervals import EXACT, Box, through
from pasunchat.certificates.bounds.maxima import added_up, differences, lines, windows
from pasunchat.certificates.bounds.trace import Convolution, Maximum, Window
from pasunchat.runtime import generator

RELU = Maximum((0,), None, zero=True)
POOLED = Maximum((0,), Window((2, 2), (2, 2), (0, 0)), zero=True)


def box(low: list[float], high: list[float]) -> Box:
    return Box(torch.tensor([low]).double(), torch.tensor([high]).double())


def test_the_chord_of_a_relu_is_the_known_one() -> None:
    drawn = lines(RELU, box([-1.0, -3.0, 0.5], [3.0, -1.0, 2.0]))
    assert torch.allclose(drawn.upper[0, :, 0], torch.tensor([0.75, 0.0, 1.0]).double())
    assert torch.allclose(drawn.above[0], torch.tensor([0.75, 0.0, 0.0]).double())
    assert drawn.lower[0, :, 0].tolist() == [1.0, 0.0, 1.0]


def test_a_value_that_is_always_the_largest_is_the_maximum() -> None:
    low = torch.tensor([[[[2.0, 0.0], [1.0, -1.0]]]]).double()
    drawn = lines(POOLED, Box(low, low + 0.5))
    assert drawn.lower.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]
    assert torch.allclose(drawn.upper.flatten(), torch.tensor([1.0, 0, 0, 0]).double())
    assert float(drawn.above) < 1e-12


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_differences_in_a_window_are_those_at_the_corners_of_the_box(
    stride: int, groups: int
) -> None:
    """Of one convolution of a box they are exact: each is reached at one of its corners."""
    draw = generator("differences", 0)
    weight = torch.randn(4, 4 // groups, 3, 3, generator=draw, dtype=torch.float64)
    bias = torch.zeros(4, dtype=torch.float64)
    pair = (stride, stride)
    before = Convolution((0,), weight, bias, pair, (1, 1), (1, 1), groups)
    middle = torch.randn(1, 4, 8, 8, generator=draw, dtype=torch.float64)
    around = Box(middle - 0.1, middle + 0.1)
    _, size = through(before, [around], EXACT)
    found = differences(POOLED, before, around, size, EXACT)
    assert found is not None
    pixels = middle.clone().requires_grad_()
    seen = windows(POOLED, before.apply(pixels))
    for place in ((0, 0, 0, 0), (0, 3, 1, 1)):
        wanted = seen[place][0] - seen[place][3]
        (slope,) = torch.autograd.grad(wanted, pixels, retain_graph=True)
        index = (*place, 2)  # the pair (0, 3)
        assert torch.isclose(found.middle[index], wanted.detach())
        assert torch.isclose(found.reach[index], 0.1 * slope.abs().sum())


@pytest.mark.parametrize(
    "window", [Window((2, 2), (2, 2), (0, 0)), Window((3, 3), (2, 2), (1, 1)), None]
)
def test_windows_and_their_transpose_agree(window: Window | None) -> None:
    step, draw = Maximum((0,), window, zero=False), generator("windows", 0)
    one = torch.randn(1, 2, 6, 6, generator=draw, dtype=torch.float64)
    seen = windows(step, one)
    other = torch.randn(seen.shape, generator=draw, dtype=torch.float64)
    back = added_up(step, other, one.shape)
    assert torch.isclose((seen * other).sum(), (one[0] * back[0]).sum())
