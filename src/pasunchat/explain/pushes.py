"""Pushes: what each changed value did for the change of an answer.

Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv:1703.01365, equation 1) of a lead, the
logit of a class minus that of another, along the straight way from a photo to a picture made of it:
a value's push is its change times the mean slope along the way. All pushes together are the change
of the lead (their Proposition 1, completeness).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier, cannot_run
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.classifiers.modes import (
    buffers_kept,
    evaluating,
    frozen,
    ordinary_weights,
    outside_inference_mode,
)
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.errors import PasunchatError
from pasunchat.explain.forward_pass import Image, pixels_of
from pasunchat.explain.votes import best_other, check_classes
from pasunchat.runtime import full_precision, seed_from

COMPLETE = 1e-3  # how far the pushes may be from the change of the lead, as a share of it
AIM = 0.9 * COMPLETE  # where refining ends
FIRST, MOST = 16, 128  # gradients: at first, and at most
BATCH = 8  # pictures asked about at once
WALK = 101  # places of `Pushes.walk`


@dataclass(frozen=True)
class Pushes:
    """What each changed value did for the lead of a class."""

    values: NDArray[np.float32]  # of each changed value, in the order of the image's bytes
    places: NDArray[np.int64]  # of each: its place in the flattened image [H, W, 3]
    total: float  # their sum
    toward: int  # how many push toward the target
    away: int  # how many push away from it
    changed: int  # how many values there are
    walk: tuple[
        float, ...
    ]  # their sum as they are added one by one in a drawn order, at 101 places
    before: float  # the lead of the target for the photo
    after: float  # for the picture
    complete: bool  # whether total is after - before, to a thousandth of it
    gradients: int  # how many were asked for
    target: int
    other: int  # the class over which the lead is, on the whole way

    def as_map(self, height: int, width: int) -> NDArray[np.float32]:
        """What each pixel did, [height, width]: the sum over its colours."""
        flat = np.zeros(height * width * 3, np.float32)
        flat[self.places] = self.values
        each: NDArray[np.float32] = flat.reshape(height, width, 3).sum(2)
        return each


class _Stretch(NamedTuple):
    """A part of the way, from one share of the change to another, by its middle."""

    begin: float
    end: float
    lead_begin: float
    lead_middle: float
    lead_end: float
    pushes: Tensor  # float64 [changed values]

    @property
    def middle(self) -> float:
        return (self.begin + self.end) / 2

    @property
    def error(self) -> float:
        """What its pushes add up to, minus the change of the lead along it."""
        return float(self.pushes.sum()) - (self.lead_end - self.lead_begin)


def pushes(
    classifier: Model,
    photo: Image,
    picture: Image,
    target: int,
    other: int | None = None,
    *,
    steps: int | None = None,
    seed: int = 0,
) -> Pushes:
    """Integrated gradients of logit[target] - logit[other] from a photo to a picture.

    photo, picture: uint8 [H, W, 3], as the classifier sees them. other: held on the whole way, so
    that the slope does not jump where another class comes second; None: the class with the largest
    logit but the target's at the photo, which for a photo that was fooled is what it was read as.
    steps: how many gradients, evenly; None: 16, and then where the pushes of a stretch of the way
    add up least to the change of the lead along it, that stretch is halved, until a thousandth is
    kept or 128 gradients are spent. seed: of the order of `walk`.

    `complete` is False where that was not enough, as for noise whose pushes nearly cancel out, and
    for a network that rounds inside (colours to a grey, or to 8 bits), which jumps where its
    gradient says nothing. Raises PasunchatError where no gradient comes back.
    """
    classifier = as_classifier(classifier)
    if photo.shape != picture.shape:
        raise PasunchatError(
            f"photo and picture: expected the same shape, got {photo.shape} and {picture.shape}"
        )
    begin, end = pixels_of(classifier, photo), pixels_of(classifier, picture)
    logits = classifier.predict_logits(begin)[0]
    other = best_other(logits, target) if other is None else other
    check_classes(len(logits), target, other)
    places = np.flatnonzero(photo != picture)
    way = _Way(classifier, begin, end, target, other, torch.from_numpy(places))
    with (
        evaluating(classifier),
        frozen(classifier),
        outside_inference_mode(),
        ordinary_weights(classifier),
        buffers_kept(classifier),
        full_precision(),
    ):
        stretches = _integrated(way, steps)
    values = torch.stack([stretch.pushes for stretch in stretches]).sum(0).numpy()
    before, after = stretches[0].lead_begin, stretches[-1].lead_end
    total = float(values.sum())
    if way.no_gradient and before != after:
        raise PasunchatError(
            f"no gradient comes back through {classifier.known_as}, so that nothing is known of "
            "what single values did; ask a network with gradients"
        )
    return Pushes(
        values=values.astype(np.float32),
        places=places,
        total=total,
        toward=int((values > 0).sum()),
        away=int((values < 0).sum()),
        changed=len(values),
        walk=_walk(values, seed),
        before=before,
        after=after,
        complete=abs(total - (after - before)) <= COMPLETE * abs(after - before),
        gradients=way.gradients,
        target=target,
        other=other,
    )


class _Way:
    """The straight way from photo to picture: the lead at a share of the change, and its slope."""

    def __init__(
        self,
        classifier: Classifier,
        begin: Tensor,
        end: Tensor,
        target: int,
        other: int,
        places: Tensor,
    ) -> None:
        self.classifier, self.begin, self.end = classifier, begin, end
        self.target, self.other, self.places = target, other, places
        self.change = self._of_changed(end.double() - begin.double())
        self.gradients, self.no_gradient = 0, True

    def at(self, share: float) -> Tensor:
        """Pixels; at 1 those of the picture itself."""
        if share == 1:
            return self.end
        return (self.begin.double() + share * (self.end.double() - self.begin.double())).float()

    def leads(self, shares: Sequence[float]) -> list[float]:
        """The lead at shares of the change, without gradients."""
        found: list[float] = []
        with torch.no_grad():
            for first in range(0, len(shares), BATCH):
                pixels = torch.cat([self.at(share) for share in shares[first : first + BATCH]])
                found += self._leads(pixels).tolist()
        return found

    def stretches(self, parts: Sequence[tuple[float, float, float, float]]) -> list[_Stretch]:
        """By the midpoint rule. parts: begin, end, and the leads there."""
        found: list[_Stretch] = []
        for first in range(0, len(parts), BATCH):
            some = parts[first : first + BATCH]
            pixels = torch.cat([self.at((begin + end) / 2) for begin, end, _, _ in some])
            leads, slopes = self._slopes(pixels)
            for (begin, end, at_begin, at_end), lead, slope in zip(
                some, leads, slopes, strict=True
            ):
                pushes = (end - begin) * self.change * slope
                found.append(_Stretch(begin, end, at_begin, lead, at_end, pushes))
        return found

    def _slopes(self, pixels: Tensor) -> tuple[list[float], list[Tensor]]:
        """Leads, and their gradients in the changed values, float64 [changed values] each."""
        self.gradients += len(pixels)
        leaf = pixels.requires_grad_()
        with torch.enable_grad():
            leads = self._leads(leaf)
            slope = None
            if leads.requires_grad:
                (slope,) = torch.autograd.grad(leads.sum(), leaf, allow_unused=True)
        slope = torch.zeros_like(pixels) if slope is None else slope
        self.no_gradient = self.no_gradient and not bool(slope.any())
        return leads.tolist(), [self._of_changed(each[None].double()) for each in slope]

    def _leads(self, pixels: Tensor) -> Tensor:
        with in_one_line(cannot_run(pixels)):
            logits: Tensor = self.classifier(pixels.contiguous(memory_format=torch.channels_last))
        return logits[:, self.target].double() - logits[:, self.other].double()

    def _of_changed(self, pixels: Tensor) -> Tensor:
        flat = pixels.detach().permute(0, 2, 3, 1).reshape(-1).cpu()
        return flat[self.places]


def _integrated(way: _Way, steps: int | None) -> list[_Stretch]:
    """The stretches of the way, in their order."""
    count = FIRST if steps is None else steps
    shares = [index / count for index in range(count + 1)]
    leads = way.leads(shares)
    borders = list(zip(shares, leads, strict=True))
    found = way.stretches([(a, b, at_a, at_b) for (a, at_a), (b, at_b) in pairwise(borders)])
    wanted = AIM * abs(leads[-1] - leads[0])
    while steps is None and way.gradients < MOST:
        if abs(sum(stretch.error for stretch in found)) <= wanted:
            break
        found.sort(key=lambda stretch: abs(stretch.error))
        found, wrong = found[: -BATCH // 2], found[-BATCH // 2 :]
        halves = [
            half
            for each in wrong
            for half in (
                (each.begin, each.middle, each.lead_begin, each.lead_middle),
                (each.middle, each.end, each.lead_middle, each.lead_end),
            )
        ]
        found += way.stretches(halves)
    return sorted(found, key=lambda stretch: stretch.begin)


def _walk(values: NDArray[np.float64], seed: int) -> tuple[float, ...]:
    """The running sum in a drawn order, at WALK places from none to all."""
    order = np.random.default_rng(seed_from("walk", seed)).permutation(len(values))
    sums = np.concatenate([[0.0], np.cumsum(values[order])])
    places = np.linspace(0, len(values), WALK).round().astype(int)
    return tuple(float(each) for each in sums[places])
