"""Intervals: the least and the largest that each value can be, taken by itself.

Bounds are computed in float64 and rounded outward: a sum of n products differs from the exact one
by at most gamma_n = n u / (1 - n u) of the sum of their sizes, whatever the order of its terms
(Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1).

The classifier itself runs in float32. There gamma_n would be as large as the margins: n is 12,544
in the last layer of `simple`. What such a sum errs by is n roundings that are as often up as down,
which leave lambda sqrt(n) u with a probability of at least 1 - 2 n exp(-lambda^2 / 2) (Higham and
Mary 2019, "A new approach to probabilistic rounding error analysis", theorem 2.4). LAMBDA makes
that 1 - 1e-12 for ten thousand terms. A bound holds for the classifier as it runs, to that extent,
and without any such assumption for its numbers in exact arithmetic.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from pasunchat.certificates.bounds.trace import Affine, Maximum, largest

UNIT = 2.0**-53  # the relative rounding of one float64 operation
UNIT32 = 2.0**-24  # and of one in float32
LAMBDA = 9.0
WIDER = 1 + 8 * UNIT  # makes a rounded number of 0 or more at least the exact one


@dataclass(frozen=True)
class Arithmetic:
    """In which arithmetic a classifier runs: how far a step may be from its exact value."""

    unit: float  # the relative rounding of one operation; 0: none

    def error(self, terms: int) -> float:
        """The error of a sum of so many terms, as a share of the sum of their sizes; with that of
        the bounds' own arithmetic."""
        return LAMBDA * sqrt(terms) * self.unit + gamma(terms + 4)


EXACT = Arithmetic(0.0)
FLOAT32 = Arithmetic(UNIT32)


class Box(NamedTuple):
    """Bounds of each value of a tensor, float64 [1, ...]."""

    low: Tensor
    high: Tensor

    @property
    def middle(self) -> Tensor:
        """The centre of each interval."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> Tensor:
        """How far an interval reaches from its centre, at least."""
        middle = self.middle
        return torch.maximum(self.high - middle, middle - self.low) * WIDER

    @property
    def size(self) -> Tensor:
        """The largest absolute value in each interval."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def within(self, other: "Box") -> "Box":
        """What both boxes allow."""
        return Box(torch.maximum(self.low, other.low), torch.minimum(self.high, other.high))


def gamma(roundings: int) -> float:
    """The relative error of so many roundings in float64, at most."""
    return roundings * UNIT / (1 - roundings * UNIT)


def around(pixels: Tensor, radius: float) -> Box:
    """Every picture in [0, 1] of which no value is farther than the radius (LINF) from `pixels`,
    [1, 3, H, W] in [0, 1]."""
    exact = pixels.double()
    margin = radius * WIDER + UNIT
    return Box((exact - margin).clamp(0, 1), (exact + margin).clamp(0, 1))


def through(step: Affine, boxes: list[Box], arithmetic: Arithmetic) -> tuple[Box, Tensor]:
    """What an affine step can make of values in boxes, and the size of its terms: |W| |x| + |b|."""
    constant = step.constant(*(box.low for box in boxes))
    size = (step.spread(*(box.size for box in boxes)) + constant.abs()) * WIDER
    middle = step.apply(*(box.middle for box in boxes))
    half = step.spread(*(box.half for box in boxes)) * WIDER
    half = half + arithmetic.error(step.terms) * size * WIDER
    return Box(middle - half, middle + half), size


def highest(step: Maximum, box: Box) -> Box:
    """What a maximum can be of values in a box: it rounds nothing."""
    return Box(largest(step, box.low), largest(step, box.high))
