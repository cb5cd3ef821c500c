"""Goal and Problem: which class to reach or to leave, from which pixels, and what counts as near.

A Problem also holds the grid that the result must lie on, and the radius and the mask it must keep
to.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import log
from typing import Any

import torch
from torch import Tensor

from pasunchat.errors import PasunchatError
from pasunchat.norms import L2, ROUNDING, Norm, batch_view

# Shares of the largest logit. Logits of one picture differ in their last bits with the batch that
# it is asked in: a margin counts in the end above TIE, and for a search above SURE, so that what a
# search calls reached stays so when the picture is judged alone.
TIE, SURE = 1e-6, 2e-5
SMALLEST = 1e-12  # stands for the largest logit where all are 0
TINY = 1e-7  # absolute: what float arithmetic may add to a value in [0, 1]
EXACT = 1e-6  # of a radius: what it may add to a distance between pixels that lie on no grid


def _places(classes: Any) -> Tensor:
    """Places of classes as int64 [N], or [] of one."""
    try:
        places = torch.as_tensor(classes)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PasunchatError(
            f"classes of a goal: expected int64 [N], got {type(classes).__name__}; give places "
            "among the classifier's outputs"
        ) from error
    whole = not (places.is_floating_point() or places.is_complex() or places.dtype == torch.bool)
    if places.ndim > 1 or not whole:
        raise PasunchatError(
            f"classes of a goal: expected int64 [N], got {places.dtype} {list(places.shape)}; of "
            "one-hot labels take labels.argmax(1)"
        )
    return places.long()


@dataclass(frozen=True)
class Goal:
    """Which class a classifier is to answer, or to stop answering, for each row."""

    # int64 [N]: the class to reach, or, untargeted, the class to leave; a list or an array becomes
    # one, and one class alone is that of every row
    classes: Tensor
    targeted: bool = True
    confidence: float | None = None  # in (0, 1): least probability of the class read in the end
    # [N]: the largest absolute logit at the photo, or None. Logits may all be near 0 at the border,
    # and what counts as a tie is a share of more than that.
    scale: Tensor | None = None
    # int64 [N]: to leave a class, the other class that the margin follows until one is reached; or
    # None: the best of the others at each moment
    toward: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", _places(self.classes))
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise PasunchatError(f"confidence: expected between 0 and 1, got {self.confidence}")

    def margin(self, logits: Tensor) -> Tensor:
        """How far inside the goal the logits [N, C] are, [N]: above 0 when it is reached.

        Targeted: z_t - max of the others. Untargeted: max of the others - z_y. With a confidence
        c: z_t - logsumexp of its others - log(c / (1 - c)), where t is the target or, untargeted,
        the best of the others. Where no class reaches, it is that of the class `toward`.
        """
        best = self._best_margin(logits)
        if self.toward is None:
            return best
        return torch.where(best > 0, best, self.class_margins(logits, self.toward[:, None])[:, 0])

    def class_margins(self, logits: Tensor, classes: Tensor) -> Tensor:
        """How far each of some classes is inside a goal to leave a class, [N, K], if it were the
        one that is read: above 0 where it leads the class to leave, or, with a confidence, has it.

        logits: [N, C]. classes: int64 [N, K], none of them the class to leave.
        """
        if self.confidence is None:
            return logits.gather(1, classes) - logits.gather(1, self.classes[:, None])
        aims = (Goal(each, True, self.confidence) for each in classes.unbind(1))
        return torch.stack([aim.margin(logits) for aim in aims], 1)

    def _best_margin(self, logits: Tensor) -> Tensor:
        classes = self.classes[:, None]
        others = logits.scatter(1, classes, -torch.inf)
        if self.confidence is None:
            margin = logits.gather(1, classes).squeeze(1) - others.amax(1)
            return margin if self.targeted else -margin
        read = classes if self.targeted else others.argmax(1, keepdim=True)
        rest = logits.scatter(1, read, -torch.inf).logsumexp(1)
        margin = logits.gather(1, read).squeeze(1) - rest
        return margin - log(self.confidence / (1 - self.confidence))

    def reached(self, logits: Tensor, tolerance: float = TIE) -> Tensor:
        """Whether each row is reached, bool [N]. A tie is not. The tolerance scales with the
        logits, so that logits a thousand times as large are judged the same."""
        return self.margin(logits) > tolerance * self.size(logits)

    def size(self, logits: Tensor) -> Tensor:
        """The largest absolute logit, of logits [N, C] or at the photo, [N]; above 0."""
        size = logits.abs().amax(1).clamp_min(SMALLEST)
        return size if self.scale is None else torch.maximum(size, self.scale)

    def to(self, device: torch.device | str) -> "Goal":
        """The same goal, on a device."""
        return self._changed(lambda part: part.to(device))

    def of_all(self, count: int) -> "Goal":
        """The goal of so many rows, where it may be one class for all of them."""
        return replace(self, classes=self.classes.expand(count)) if self.classes.ndim == 0 else self

    def rows(self, index: Tensor | slice) -> "Goal":
        """The goal of some rows."""
        return self._changed(lambda part: part[index])

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "Goal":
        """Each of its tensors changed."""
        parts: dict[str, Any] = {
            field.name: change(part)
            for field in fields(self)
            if isinstance(part := getattr(self, field.name), Tensor)
        }
        return replace(self, **parts)


@dataclass(frozen=True)
class Problem:
    """The least change to some photos that meets a goal."""

    pixels: Tensor  # the photos, float [N, 3, H, W] in [0, 1]
    goal: Goal
    norm: Norm = L2  # what "least" means
    levels: int | None = 256  # values a pixel may take in the end (an 8-bit file), or None for any
    radius: Tensor | None = None  # [N]: the largest distance allowed, or None for any
    mask: Tensor | None = None  # bool [N, 1 or 3, H, W]: what may change, or None for everything
    # [N, 3, H, W]: the pixels that searches before came nearest with, inside the radius; the photo
    # where there are none. None: there was no search before.
    nearest_try: Tensor | None = None

    @property
    def max_level(self) -> int:
        """The largest level of the grid, 255 for 8 bits; 1 where there is no grid."""
        return 1 if self.levels is None else self.levels - 1

    @property
    def grid(self) -> int | None:
        """As `max_level`, but None where there is no grid."""
        return None if self.levels is None else self.levels - 1

    def snap(self, pixels: Tensor) -> Tensor:
        """The nearest pixels on the grid; those towards the photo where the nearest would leave
        the radius."""
        if self.levels is None:
            return pixels
        near = (pixels * self.max_level).round().div(self.max_level)
        if self.radius is None:
            return near
        inward = ((pixels - self.pixels) * self.max_level * (1 + ROUNDING)).trunc()
        inward = (self.photo_levels() + inward).div(self.max_level)
        return torch.where(batch_view(self.within(near)), near, inward)

    def photo_levels(self) -> Tensor:
        """The photos in levels of the grid; as they are where there is none."""
        return self.pixels if self.levels is None else (self.pixels * self.max_level).round()

    def moved(self, direction: Tensor, scale: Tensor, most: float = 1.0) -> Tensor:
        """The photos changed by `scale` [N] times a direction [N, 3, H, W], pixels on the grid.

        The scale counts levels where there is a grid. most: how far one value may move, in [0, 1].
        """
        return self.moved_levels(direction, scale, self.photo_levels(), most).div_(self.max_level)

    def moved_levels(
        self, direction: Tensor, scale: Tensor, photo: Tensor, most: float = 1.0
    ) -> Tensor:
        """As `moved`, in levels; photo: `photo_levels()`."""
        levels = direction * batch_view(scale)
        if most < 1:
            levels.clamp_(-most * self.max_level, most * self.max_level)
        if self.levels is not None:
            levels.round_()
        return levels.add_(photo).clamp_(0, self.max_level)

    def in_box(self, change: Tensor) -> Tensor:
        """The change [N, 3, H, W], cut so that the photos plus it stay in [0, 1]; 0 stays 0."""
        return torch.minimum(torch.maximum(change, -self.pixels), 1 - self.pixels)

    def farthest(self) -> Tensor:
        """The largest change there is, [N, 3, H, W]: every value to the end that is farther."""
        return torch.maximum(self.pixels, 1 - self.pixels)

    def distance(self, pixels: Tensor) -> Tensor:
        """How far pixels are from the photos, [N]."""
        return self.norm.measure(pixels - self.pixels)

    def within(self, pixels: Tensor) -> Tensor:
        """Whether pixels keep to the radius, bool [N]."""
        return self.close_enough(self.distance(pixels))

    def close_enough(self, distance: Tensor) -> Tensor:
        """Whether distances [N] keep to the radius, bool [N]. On a grid a level more or less is far
        more than rounding; in float a radius is exact."""
        if self.radius is None:
            return torch.ones_like(distance, dtype=torch.bool)
        if self.levels is None:
            return distance <= self.radius * (1 + EXACT)
        return distance <= self.radius * (1 + ROUNDING) + TINY

    def usable_radius(self) -> Tensor:
        """How far to search, [N], so that what is found keeps to the radius for certain."""
        assert self.radius is not None
        return self.norm.usable_radius(self.radius, self.grid)

    def inside(self, radius: Tensor, pixels: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] brought into a radius [N] around the photos and into [0, 1]."""
        return self.norm.project_in_box(self.pixels, pixels - self.pixels, radius)

    def round_inside(self, radius: Tensor, pixels: Tensor) -> Tensor:
        """Pixels inside a usable radius [N], put on the grid so that they stay inside. In LINF each
        value is rounded; in L2 and L1 the change is scaled so that, rounded, it is as long as the
        radius allows."""
        if self.levels is None:
            return pixels
        return self.norm.round_inside(self.pixels, pixels - self.pixels, radius, self.grid)

    def sample(self, radius: Tensor, keys: Tensor) -> Tensor:
        """Pixels drawn from each row's key inside a radius [N], in [0, 1]; not on the grid."""
        noise = self.norm.sample(keys, self.pixels.shape[1:], radius)
        return self.allowed(noise.add_(self.pixels).clamp_(0, 1))

    def allowed(self, pixels: Tensor) -> Tensor:
        """The pixels, as in the photos wherever the mask forbids a change."""
        return pixels if self.mask is None else torch.where(self.mask, pixels, self.pixels)

    def rows(self, index: Tensor | slice) -> "Problem":
        """The problem of some rows."""
        parts: dict[str, Any] = {
            field.name: part[index]
            for field in fields(self)
            if isinstance(part := getattr(self, field.name), Tensor)
        }
        return replace(self, goal=self.goal.rows(index), **parts)
