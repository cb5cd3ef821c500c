"""Linear bounds: what is proved of a classifier as it is, in LINF, by arithmetic alone.

A radius is proved where the lowest bound of every margin, the right logit less another, lies above
0 for all pictures of the box. By effort: `quick` draws lines over intervals (CROWN-IBP), `normal`
over intervals that linear bounds have narrowed (CROWN), `thorough` chooses the lower lines for each
margin as well, and proves what is missing by contradiction. No probability is in it but that of
rounding (bounds/intervals.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import log1p
from typing import NamedTuple

import torch
from scipy.optimize import brentq
from torch import Tensor

from pasunchat.certificates.bounds.backward import Bounds, Tighten, as_it_is, bounds, least
from pasunchat.certificates.bounds.contradiction import by_contradiction
from pasunchat.certificates.bounds.intervals import Box
from pasunchat.certificates.bounds.maxima import Differences
from pasunchat.certificates.bounds.patches import by_patches
from pasunchat.certificates.bounds.trace import Network, Value, trace
from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.certificates.watch import Watch
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent

METHOD, NORM = "bounds", "linf"
PRECISION = 0.01  # relative: how near the radius comes to the widest that can be proved
FINEST = 1e-9  # of a radius; a level of 255 is 4e-3


class Ways(NamedTuple):
    """How bounds are drawn: what narrows a maximum's box, and the least of the margins."""

    tighten: Tighten
    least: Callable[[Bounds, Value, Tensor], Tensor]


CROWN_IBP, CROWN, CONTRADICTION = (
    Ways(as_it_is, least),
    Ways(by_patches, least),
    Ways(by_patches, by_contradiction),
)
EFFORTS = {  # each goes on from what the one before it proved
    "quick": (CROWN_IBP,),
    "normal": (CROWN_IBP, CROWN),
    "thorough": (CROWN_IBP, CROWN, CONTRADICTION),
}


def linear_bounds(
    classifier: Classifier,
    pixels: Tensor,
    labels: Tensor,
    *,
    radius: float | None = None,
    effort: str = "normal",
    progress: Progress = silent,
    watch: Watch | None = None,
) -> list[Certificate]:
    """A certificate for each of pixels, float32 [N, 3, H, W] in [0, 1], with labels, int64 [N].

    radius: the one to prove, in LINF, pixels in [0, 1]; None: the widest that can be. effort: a key
    of EFFORTS. progress: (photos done, photos). watch: hears how much is proved of the photo at
    work, and may end that; what is proved until then counts. PROVED: no change of the radius or
    less changes the answer. MISREAD: the answer is wrong. NOT_PROVED: the answer is right, and the
    bounds prove no radius, or not the one asked for. Raises NoBounds for a network with a layer
    that bounds do not know.
    """
    if effort not in EFFORTS:
        raise PasunchatError(f'effort: expected {", ".join(EFFORTS)}, got "{effort}"')
    digest, answers = classifier.digest(), classifier.predict_logits(pixels).argmax(1)
    network = trace(classifier, pixels[:1])
    certificates = []
    for photo, label, answer in zip(pixels, labels.tolist(), answers.tolist(), strict=True):
        margins = Margins(network, photo[None], label, watch or Watch())
        proved = 0.0
        if answer == label:
            proved = widest(margins, EFFORTS[effort], radius)
        proof = Proof.PROVED if proved else Proof.NOT_PROVED
        certificates.append(
            Certificate(
                proof=Proof.MISREAD if answer != label else proof,
                norm=NORM,
                radius=proved,
                method=METHOD,
                label=label,
                answer=answer,
                of=digest,
                queries=margins.queries,
            )
        )
        progress(len(certificates), len(pixels))
    return certificates


class Stopped(Exception):
    """Whoever watches has ended it."""


@dataclass
class Margins:
    """Lower bounds of a photo's margins; counts how many were computed, and keeps the
    widest radius that was proved."""

    network: Network
    photo: Tensor  # [1, 3, H, W]
    label: int
    watch: Watch = field(default_factory=Watch)
    queries: int = 0
    proved: float = 0.0  # the widest radius so far

    def least(self, ways: Ways, radius: float) -> float:
        """The least that any margin can be within a radius, at least. Raises Stopped."""
        self.queries += 1

        def tighten(
            known: Bounds, value: Value, box: Box, gaps: Differences | None
        ) -> tuple[Box, Differences | None]:
            if self.watch.stopped():
                raise Stopped
            return ways.tighten(known, value, box, gaps)

        known = bounds(self.network, self.photo, radius, tighten)
        return float(ways.least(known, self.network.output, self.rows).min())

    def unchanged(self) -> float:
        """The least margin of the photo itself."""
        return float((self.rows @ self.network.values(self.photo)[-1][0]).min())

    @cached_property
    def rows(self) -> Tensor:
        """The margins as weighted sums of the logits, float64 [C - 1, C]."""
        classes = self.network.values(self.photo)[-1].shape[1]
        one = torch.eye(classes, dtype=torch.float64)
        return (one[self.label] - one)[torch.arange(classes) != self.label]

    @torch.enable_grad()
    def linear(self) -> float:
        """The radius at which the nearest margin would be 0 if the network were linear."""
        pixels = self.photo.double().requires_grad_()
        margins = (self.rows @ self.network.values(pixels)[-1].T)[:, 0]
        slopes = [
            torch.autograd.grad(margin, pixels, retain_graph=True)[0].abs().sum()
            for margin in margins
        ]
        return float((margins.detach() / torch.stack(slopes)).min())


def widest(margins: Margins, efforts: tuple[Ways, ...], asked: float | None) -> float:
    """The radius asked for, if one of the ways proves it, else 0; with None asked for, the widest
    radius that they prove, or that was proved when it was stopped."""
    try:
        if asked is not None:
            return asked if any(margins.least(ways, asked) > 0 for ways in efforts) else 0.0
        for ways in efforts:
            _widen(margins, ways)
    except Stopped:
        pass
    return margins.proved


def _widen(margins: Margins, ways: Ways) -> None:
    """Widen the radius that is proved as far as one of the ways goes."""
    unchanged = margins.unchanged()

    @cache
    def bent(radius: float) -> float:
        """The least margin, with its sign, on a scale on which a secant aims well: bounds fall
        faster than in a line."""
        if radius == 0 and margins.proved:
            return 1.0
        least = margins.least(ways, radius) / unchanged
        if least > 0:
            margins.proved = max(margins.proved, radius)
        margins.watch.proved(margins.proved, margins.queries)
        return least if least > 0 else -log1p(-least)

    if bent(0.0) <= 0:
        return
    low, high = 0.0, 2 * margins.proved or margins.linear()
    while (left := bent(high)) > 0:
        if high >= 1:
            margins.proved = 1.0
            return
        low, high = high, min(1.0, high / min(max(0.5, 1 - left), 1 - PRECISION))
    brentq(bent, low, high, rtol=PRECISION, xtol=FINEST)
