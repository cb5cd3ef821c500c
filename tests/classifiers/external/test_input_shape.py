"""What the shape of an input says: channels, layout and size."""

import pytest

from pasunchat.classifiers.external.input_shape import input_shape
from pasunchat.errors import PasunchatError


@pytest.mark.parametrize(
    ("sides", "found"),
    [
        ((3, 32, 32), ("RGB", "NCHW", 32)),
        ((32, 32, 3), ("RGB", "NHWC", 32)),
        ((3, None, None), ("RGB", "NCHW", None)),
        ((1, 28, 28), ("L", "NCHW", 28)),
        ((28, 28, 1), ("L", "NHWC", 28)),
        ((None, None, 1), ("L", "NHWC", None)),
        ((28, 28), ("L", (28, 28), 28)),
        ((784,), ("L", (784,), 28)),
        ((784, 1), ("L", (784, 1), 28)),
        ((1, 1, 784), ("L", (1, 1, 784), 28)),
    ],
)
def test_pictures(sides: tuple[int | None, ...], found: tuple[object, ...]) -> None:
    assert tuple(input_shape(sides, "m")) == found


@pytest.mark.parametrize(
    ("sides", "named"),
    [
        ((3, 28, 30), "28 x 30; expected squares"),
        ((1, 28, 30), r"got \[any, 1, 28, 30\]"),
        ((2, 28, 28), "no classifier of square images"),
        ((3072,), r"got \[any, 3072\]"),
        ((None,), r"got \[any, any\]"),
        ((), r"got \[any\]"),
    ],
)
def test_others_are_refused(sides: tuple[int | None, ...], named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        input_shape(sides, "m")
