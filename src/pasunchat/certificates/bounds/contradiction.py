"""Sums proved to be above 0 by contradiction.

Suppose that some picture of the box had a sum of 0 or less. Of such pictures, a value x inside is
at least what x + g * sum is, for any g of 0 or more: carried back together, most of x may be paid
for by the sum, and boxes become narrower than those of all pictures. Lines over narrower boxes
raise the sum's bound in turn. If it comes out above 0, or nothing is left of a value's box, there
is no such picture (Kotha et al. 2023, "Provably bounding neural network preimages", INVPROP).
Multipliers and slopes are chosen together, by gradient, for each value by itself.

Work is limited: a few rounds of a few steps, of the values whose lines cost the sum most, where
these cost several times what is missing, and of networks that are not too large.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.certificates.bounds.backward import (
    Bounds,
    Sums,
    alone,
    at_a_corner,
    bounds_in,
    carried,
    deciding,
    each_of,
)
from pasunchat.certificates.bounds.intervals import UNIT, Box, gamma
from pasunchat.certificates.bounds.maxima import Differences, Lines, contest, windows
from pasunchat.certificates.bounds.slopes import free_slopes, sharpest, with_slopes
from pasunchat.certificates.bounds.trace import Maximum, Value

LARGEST = 1 << 17  # numbers in all values of a network, above which it is not tried
CHOSEN = 64  # windows of maxima whose values are bounded anew in a round
HOPE = 0.2  # of what the lines of these cost: the most that may be missing
ROUNDS = 8
ENOUGH = 0.1  # of what is missing: what a round has to add for another one
STEPS = 10
RATE, SLOWER = 0.3, 0.9  # of Adam; its rate after each step
AT_ONCE = 1 << 22  # numbers of a value, of all sums that are carried back at once


class NothingLeft(Exception):
    """No picture is as was supposed."""


@dataclass(frozen=True)
class Supposed:
    """A sum of a value that is supposed to be 0 or less, and what is known of every value."""

    known: Bounds  # its lines are those that bound the sum best
    value: Value
    weights: Tensor  # [1, ...]
    bound: float  # the least that the sum can be


def by_contradiction(known: Bounds, value: Value, weights: Tensor) -> Tensor:
    """As `sharpest` of each sum, and above 0 also where it is proved so by contradiction: such a
    number says that the sum is above 0, not by how much.

    weights: [S, ...], the value being [1, ...]. Ends for good once one sum cannot be proved.
    """
    each = [suppose(known, value, row[None]) for row in weights]
    found = torch.tensor([supposed.bound for supposed in each], dtype=torch.float64)
    if sum(box.low.numel() for box in known.boxes) > LARGEST:
        return found
    for at in found.argsort(stable=True).tolist():
        if found[at] <= 0:
            found[at] = _contradicted(each[at])
        if found[at] <= 0:
            break
    return found


def _contradicted(supposed: Supposed) -> float:
    """The bound of what is supposed to be 0 or less; above 0: it is not."""
    at_first = supposed.bound
    for _ in range(ROUNDS):
        before = supposed.bound
        wanted, cost = costliest(supposed)
        if -before > HOPE * cost:
            break
        try:
            known = narrower(supposed, wanted)
        except NothingLeft:
            return UNIT - at_first
        supposed = suppose(known, supposed.value, supposed.weights)
        if supposed.bound > 0 or supposed.bound - before <= ENOUGH * -before:
            break
    return max(before, supposed.bound)


def suppose(known: Bounds, value: Value, weights: Tensor) -> Supposed:
    """Of one sum, [1, ...], with the lines that bound it best."""
    bound, lines = sharpest(known, value, weights)
    return Supposed(lines, value, weights, float(bound))


def narrower(supposed: Supposed, wanted: dict[Value, Tensor]) -> Bounds:
    """What is known of pictures that are as supposed; raises NothingLeft if there are none.

    wanted: the windows of each maximum whose values are bounded, bool [1, ...].
    """
    before, spread = supposed.known, _spread(supposed)
    at_once = max(1, AT_ONCE // max(box.low.numel() for box in before.boxes))

    def tighten(
        now: Bounds, at: Value, box: Box, gaps: Differences | None
    ) -> tuple[Box, Differences | None]:
        step = now.network.steps[at - 1]
        assert isinstance(step, Maximum)
        made = step.inputs[0]
        box, gaps = _left(box.within(before.boxes[made])), before.gaps.get(at, gaps)
        which = deciding(step, contest(step, box, gaps).may_win & wanted[at][..., None], box)
        low, high = box.low.flatten().clone(), box.high.flatten().clone()
        for part in torch.split(which, at_once) if len(which) else ():
            scale = (high - low)[part] / spread
            for sign, bound in ((1.0, low), (-1.0, high)):
                sums = alone(made, sign * each_of(part, box))
                least = _lowest(supposed, now, sums, scale)
                bound[part] = sign * torch.maximum(sign * bound[part], least)
        return _left(Box(low.reshape(box.low.shape), high.reshape(box.low.shape))), gaps

    return bounds_in(before.network, before.boxes[0], tighten, before.arithmetic)


def _left(box: Box) -> Box:
    """The box, unless it is empty."""
    if bool((box.low > box.high).any()):
        raise NothingLeft
    return box


def costliest(supposed: Supposed) -> tuple[dict[Value, Tensor], float]:
    """The windows of each maximum whose lines may cost the sum most, bool [1, ...], by how far they
    are from each other; and what these cost together."""
    known, sums = supposed.known, alone(supposed.value, supposed.weights)
    costs = {}
    for at in sorted(known.lines, reverse=True):
        step, drawn = known.network.steps[at - 1], known.lines[at]
        assert isinstance(step, Maximum)
        costs[at] = torch.zeros_like(drawn.above)
        if at > supposed.value:
            continue
        sums = carried(known, sums, at)
        if at in sums.weights:
            costs[at] = sums.weights[at].abs() * _apart(step, drawn, known.boxes[step.inputs[0]])
    every = torch.cat([torch.zeros(1), *(cost.flatten() for cost in costs.values())])
    most = every.topk(min(CHOSEN, len(every))).values
    return {at: (cost >= most[-1]) & (cost > 0) for at, cost in costs.items()}, float(most.sum())


def _apart(step: Maximum, drawn: Lines, box: Box) -> Tensor:
    """How far the lines of a maximum are from each other, at most, [1, ...]."""
    across = drawn.upper - drawn.lower
    reach = (across * windows(step, box.middle)).sum(-1) + (
        across.abs() * windows(step, box.half)
    ).sum(-1)
    return reach + drawn.above - drawn.below


def _spread(supposed: Supposed) -> float:
    """How far the sum of the picture in the middle is above the bound."""
    known = supposed.known
    value = known.network.values(known.boxes[0].middle)[supposed.value]
    return max(float((supposed.weights * value).sum()) - supposed.bound, UNIT)


@torch.enable_grad()
def _lowest(supposed: Supposed, now: Bounds, sums: Sums, scale: Tensor) -> Tensor:
    """The least that sums of one value, [S, ...], can be of pictures that are as supposed, [S].

    now: what is known of the values below it. scale: of each sum's multiplier, [S].
    """
    (made,) = sums.weights
    above, below = free_slopes(supposed.known), free_slopes(now, len(scale))
    times = torch.zeros_like(scale).requires_grad_()
    free = [*above.values(), *below.values(), times]
    optimiser = torch.optim.Adam(free, lr=RATE)
    slower = torch.optim.lr_scheduler.ExponentialLR(optimiser, SLOWER)
    best = torch.full_like(scale, -torch.inf)
    for _ in range(STEPS):
        lines = with_slopes(supposed.known, above)
        paid = carried(lines, alone(supposed.value, supposed.weights), made)
        together = _plus(sums, times * scale, paid, supposed.known)
        bound = at_a_corner(now, carried(with_slopes(now, below), together))
        best = torch.where(bound > best, bound.detach(), best)
        optimiser.zero_grad()
        (-bound.sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        slower.step()
        with torch.no_grad():
            for each in (*above.values(), *below.values()):
                each.clamp_(0, 1)
            times.clamp_(0)
    return best


def _plus(sums: Sums, times: Tensor, paid: Sums, known: Bounds) -> Sums:
    """Sums and so many times another one of the same values, [S]; rounded down."""
    weights = dict(sums.weights)
    size = paid.constant.abs()
    for at, each in paid.weights.items():
        size = size + (each.abs() * known.boxes[at].size).sum()
        more = times.reshape(-1, *(1,) * (each.ndim - 1)) * each
        weights[at] = weights[at] + more if at in weights else more
    return Sums(weights, sums.constant + times * paid.constant - gamma(8) * times * size)
