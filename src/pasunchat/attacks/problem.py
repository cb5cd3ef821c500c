"""What must happen, to which pixels, how near, and on which grid."""

from dataclasses import dataclass, fields, replace
from math import log
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.norms import L2, Norm, wide

TIE = 1e-6  # of the largest logit: nearer than this is a tie
SURE = 2e-5  # of the largest logit: what is asked in company may differ by less when asked alone
LEAST = 1e-12  # as which logits count that are all 0
ROUNDING = 1e-5  # relative: what float arithmetic may add to a distance
TINY = 1e-7  # and absolute: what it may add to a value in [0, 1]


@dataclass(frozen=True)
class Goal:
    """Reach class t, or leave class y, for each row. classes: int64 [N].

    confidence: in (0, 1), the least probability that the class read in the end must have; None
    for any. scale: [N], how large the row's logits are at the photo, or None; they may all be
    near 0 at the border, and what is a tie is to be a share of more than that.
    """

    classes: Tensor
    reach: bool = True
    confidence: float | None = None
    scale: Tensor | None = None

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise ValueError(f"confidence: expected between 0 and 1, got {self.confidence}")

    def margin(self, logits: Tensor) -> Tensor:
        """How far inside the goal the logits [N, C] are, [N], above 0 when reached.

        Reach: z_t - max of the others. Leave: max of the others - z_y. With confidence c: for
        the class t, or the best of the others, z_t - logsumexp of its others - log(c / (1 - c)).
        """
        classes = self.classes[:, None]
        others = logits.scatter(1, classes, -torch.inf)
        if self.confidence is None:
            lead = logits.gather(1, classes).squeeze(1) - others.amax(1)
            return lead if self.reach else -lead
        read = classes if self.reach else others.argmax(1, keepdim=True)
        rest = logits.scatter(1, read, -torch.inf).logsumexp(1)
        lead = logits.gather(1, read).squeeze(1) - rest
        return lead - log(self.confidence / (1 - self.confidence))

    def reached(self, logits: Tensor, tolerance: float = TIE) -> Tensor:
        """Whether each row is reached, bool [N]. A tie is not. The tolerance scales with the
        logits, so that a network a thousand times as sure is judged the same."""
        return self.margin(logits) > tolerance * self.size(logits)

    def size(self, logits: Tensor) -> Tensor:
        """How large the logits [N, C] are, [N]: the largest, here or at the photo; above 0."""
        size = logits.abs().amax(1).clamp_min(LEAST)
        return size if self.scale is None else torch.maximum(size, self.scale)

    def to(self, device: torch.device | str) -> "Goal":
        """The same goal, on a device."""
        scale = None if self.scale is None else self.scale.to(device)
        return replace(self, classes=self.classes.to(device), scale=scale)

    def rows(self, index: Tensor | slice) -> "Goal":
        """The goal of some rows."""
        scale = None if self.scale is None else self.scale[index]
        return replace(self, classes=self.classes[index], scale=scale)


@dataclass(frozen=True)
class Problem:
    """The least change to `pixels` that meets `goal`.

    pixels: float [N, 3, H, W] in [0, 1]. norm: what least means. radius: [N], the largest distance
    allowed, or None for any. levels: how many values a pixel may take in the end (256: an 8-bit
    file), or None for any. mask: bool [N, 1 or 3, H, W], what may change, or None for everything.
    """

    pixels: Tensor
    goal: Goal
    norm: Norm = L2
    levels: int | None = 256
    radius: Tensor | None = None
    mask: Tensor | None = None

    @property
    def unit(self) -> int:
        """How many steps of the grid lie between 0 and 1; 1 where there is no grid."""
        return 1 if self.levels is None else self.levels - 1

    def snap(self, pixels: Tensor) -> Tensor:
        """The nearest pixels on the grid; those toward the photo where the nearest would leave
        the radius."""
        if self.levels is None:
            return pixels
        near = (pixels * self.unit).round().div(self.unit)
        if self.radius is None:
            return near
        inward = ((pixels - self.pixels) * self.unit * (1 + ROUNDING)).trunc()
        inward = ((self.pixels * self.unit).round() + inward).div(self.unit)
        return torch.where(wide(self.within(near)), near, inward)

    def distance(self, pixels: Tensor) -> Tensor:
        """How far pixels are from the photo, [N]."""
        return self.norm.measure(pixels - self.pixels)

    def within(self, pixels: Tensor) -> Tensor:
        """Whether pixels keep to the radius, bool [N]."""
        return self.close_enough(self.distance(pixels))

    def close_enough(self, distance: Tensor) -> Tensor:
        """Whether distances [N] keep to the radius, bool [N]."""
        if self.radius is None:
            return torch.ones_like(distance, dtype=torch.bool)
        return distance <= self.radius * (1 + ROUNDING) + TINY

    def allowed(self, pixels: Tensor) -> Tensor:
        """The pixels, as they were wherever the mask forbids a change."""
        return pixels if self.mask is None else torch.where(self.mask, pixels, self.pixels)

    def rows(self, index: Tensor | slice) -> "Problem":
        """The problem of some rows."""
        parts: dict[str, Any] = {
            field.name: part[index]
            for field in fields(self)
            if isinstance(part := getattr(self, field.name), Tensor)
        }
        return replace(self, goal=self.goal.rows(index), **parts)
