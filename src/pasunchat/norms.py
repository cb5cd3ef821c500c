"""Norms: L2, LINF, L1, L0 and whole pixels, as values made of functions of a change.

A change, or noise, is float [N, 3, H, W]. Pixels in [0, 1] give distances in the same unit: one
level of 255 in one value is 1/255 in L1, L2 and LINF. L0 counts values, PIXELS counts pixels of
which at least one value changed. One more norm is one `Norm` and one row of NORMS: what attacks,
pictures and tables need to know of a norm stands in its fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from pasunchat.draws import draw_rows
from pasunchat.words import count

ROUNDING = 1e-5  # relative: what float arithmetic may add to a distance
FINEST = torch.finfo(torch.float32).eps / 2  # what the rounding of a pixel near 1 may add
SPREAD = 0.01  # share of the values that move in an L1 step
PASSES = 12  # of Newton's method for the threshold of L1
HALVINGS, SAMPLE = 9, 16384  # of the scale at which a rounded change is as long as the radius
SHRINK, SHRINKS = 0.99, 40  # where it turns out to be longer


@dataclass(frozen=True)
class Norm:
    """A way to measure noise, and what follows from it."""

    name: str
    about: str
    # noise [N, 3, H, W] -> distance [N]
    measure: Callable[[Tensor], Tensor]
    # (noise, radius [N]) -> the noise nearest in L2 whose distance is at most radius
    project: Callable[[Tensor, Tensor], Tensor]
    # gradient -> the noise of distance 1 along which it rises most (L0, PIXELS: values in [-1, 1])
    steepest: Callable[[Tensor], Tensor]
    # gradient [N, ...] -> that rise, the dual norm, [N]
    dual: Callable[[Tensor], Tensor]
    # (keys int64 [N], shape of a row, radius [N]) -> noise inside the radius
    sample: Callable[[Tensor, torch.Size, Tensor], Tensor]
    # name of the attack that finds the nearest change where none is asked for
    nearest: str
    # a distance as people read it: 0.0078 -> "2 of 255 levels"
    in_words: Callable[[float], str]
    axis: str  # label of a figure's axis
    axis_unit: int = 1  # what distances are multiplied by on that axis
    counts: bool = False  # whether distances are whole numbers
    # distance of one value moved by 1; None: it depends on the size of the picture
    one_value: float | None = None
    # noise -> the size of each part that is counted or summed, [N, 3, H, W], or [N, 1, H, W] where
    # a part is a pixel
    parts: Callable[[Tensor], Tensor] = torch.abs
    # gradient -> the step of distance 1 that iterative attacks take; None: `steepest`
    spread_step: Callable[[Tensor], Tensor] | None = None
    # (photo, noise, radius [N]) -> the nearest pixels in both the ball and [0, 1]; None: the noise
    # projected, then the pixels clamped
    box_projection: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    # (radius [N], largest level or None) -> the radius to search in; None: a little less, for the
    # rounding of floats
    searchable: Callable[[Tensor, int | None], Tensor] | None = None
    # (photo, noise, radius [N], largest level) -> pixels on the grid, as far inside the radius as
    # it allows; None: the noise scaled so that, rounded, it is as long as the radius
    grid_rounding: Callable[[Tensor, Tensor, Tensor, int], Tensor] | None = None

    def step(self, gradient: Tensor) -> Tensor:
        """The step of distance 1 along a gradient [N, 3, H, W] that iterative attacks take."""
        return (self.spread_step or self.steepest)(gradient)

    def project_in_box(self, photo: Tensor, noise: Tensor, radius: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] in [0, 1] and within the radius [N] of the photo."""
        if self.box_projection:
            return self.box_projection(photo, noise, radius)
        return self.project(noise, radius).add_(photo).clamp_(0, 1)

    def usable_radius(self, radius: Tensor, max_level: int | None) -> Tensor:
        """How far to search, [N], so that what is found is inside the radius [N] for certain."""
        if self.searchable:
            return self.searchable(radius, max_level)
        return radius * (1 - ROUNDING)

    def round_inside(
        self, photo: Tensor, noise: Tensor, radius: Tensor, max_level: int | None
    ) -> Tensor:
        """Pixels, on the grid where there is one, still inside the (usable) radius [N]."""
        if max_level is None:
            return photo + noise
        rounded = self.grid_rounding or partial(_round_to_length, measure=self.measure)
        return rounded(photo, noise, radius, max_level)

    def least(self, max_level: int | None) -> float:
        """The least distance of any change on the grid, where that is known; without one 0, or 1
        where it counts."""
        if self.counts:
            return 1.0
        return (self.one_value or 0.0) / max_level if max_level is not None else 0.0


def row_sums(values: Tensor) -> Tensor:
    """The sum of each row, [N, ...] -> [N]."""
    return values.sum(tuple(range(1, values.ndim)))


def row_norms(values: Tensor) -> Tensor:
    """The L2 norm of each row, [N, ...] -> [N]."""
    size: Tensor = torch.linalg.vector_norm(values, dim=tuple(range(1, values.ndim)))
    return size


def row_largest(values: Tensor) -> Tensor:
    """The largest absolute value of each row, [N, ...] -> [N]."""
    return values.abs().amax(tuple(range(1, values.ndim)))


def batch_view(row: Tensor) -> Tensor:
    """[N] -> [N, 1, 1, 1], to go with pixels."""
    return row[:, None, None, None]


def normalize(values: Tensor) -> Tensor:
    """Each row divided by its L2 norm; a row of zeros stays."""
    return values / batch_view(row_norms(values).clamp_min(torch.finfo(values.dtype).tiny))


def sparse_step(gradient: Tensor, share: Tensor) -> Tensor:
    """A step of L1 length 1: the signs of the largest values, a share [N] of each row's."""
    size = gradient.abs().flatten(1)
    kept = (share * size.shape[1]).long().clamp(1, size.shape[1]).tolist()
    least = torch.stack(
        [row.kthvalue(len(row) + 1 - k).values for row, k in zip(size, kept, strict=True)]
    )
    signs = gradient.sign() * (gradient.abs() >= batch_view(least))
    return signs / batch_view(row_sums(signs.abs()).clamp_min(1))


def _project_l2(noise: Tensor, radius: Tensor) -> Tensor:
    size = row_norms(noise)
    return noise * batch_view((radius / size.clamp_min(1e-30)).clamp_max(1))


def _project_linf(noise: Tensor, radius: Tensor) -> Tensor:
    return noise.clamp(batch_view(-radius), batch_view(radius))


def _project_l1(noise: Tensor, radius: Tensor) -> Tensor:
    """Duchi et al. 2008: the soft threshold that leaves the radius, found by sorting."""
    flat = noise.abs().flatten(1)
    ordered = flat.sort(dim=1, descending=True, stable=True).values.double()
    over = (ordered.cumsum(1) - radius.double()[:, None]) / torch.arange(
        1, flat.shape[1] + 1, device=noise.device
    )
    kept = (ordered > over).sum(1).clamp_min(1)
    threshold = over.gather(1, kept[:, None] - 1).squeeze(1).clamp_min(0)
    outside = row_sums(flat) > radius
    shrunk = (noise.abs().double() - batch_view(threshold)).clamp_min(0).to(noise.dtype)
    return torch.where(batch_view(outside), shrunk.copysign(noise), noise)


def _largest(values: Tensor, number: Tensor) -> Tensor:
    """bool like values [N, ...]: the `number` [N] largest of each row; ties by place."""
    flat = values.flatten(1)
    places = flat.sort(dim=1, descending=True, stable=True).indices
    chosen = torch.arange(flat.shape[1], device=values.device) < number[:, None]
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, places, chosen).view(values.shape)


def _project_l0(noise: Tensor, radius: Tensor) -> Tensor:
    return noise * _largest(noise.abs(), radius)


def _project_pixels(noise: Tensor, radius: Tensor) -> Tensor:
    return noise * _largest(noise.square().sum(1, keepdim=True), radius)


def _first_largest(values: Tensor) -> Tensor:
    return _largest(values, torch.ones(len(values), device=values.device))


def _steepest_pixels(gradient: Tensor) -> Tensor:
    return gradient.sign() * _first_largest(gradient.abs().sum(1, keepdim=True))


def _steepest_one(gradient: Tensor) -> Tensor:
    return gradient.sign() * _first_largest(gradient.abs())


def _spread_step_l1(gradient: Tensor) -> Tensor:
    """Spread over the largest hundredth of the values, as one value alone would take a step each
    (SLIDE, Tramer and Boneh 2019, arXiv:1904.13000)."""
    return sparse_step(gradient, torch.full_like(gradient[:, 0, 0, 0], SPREAD))


def _box_projection_l1(photo: Tensor, noise: Tensor, radius: Tensor) -> Tensor:
    """The nearest pixels in both the L1 ball and the box (Croce and Hein 2021, arXiv:2103.01208,
    proposition 2.1): |noise| less a threshold, cut to the room of each value. The threshold is
    found by Newton's method, and by halving where that leaves its bracket."""
    room = torch.where(noise > 0, 1 - photo, photo)
    size = noise.abs()
    low, high = torch.zeros_like(radius), row_largest(size)
    threshold = low
    for _ in range(PASSES):
        left = (size - batch_view(threshold)).clamp_min_(0)
        over = row_sums(torch.minimum(left, room)) - radius
        fits = over <= radius * ROUNDING / 2
        low, high = torch.where(fits, low, threshold), torch.where(fits, threshold, high)
        settled = fits & ((threshold == 0) | (over >= -radius * ROUNDING))
        low = torch.where(settled, high, low)  # a closed bracket: nothing changes any more
        if settled.all():
            break
        slope = row_sums(((left > 0) & (left < room)).to(size.dtype))
        newton = threshold + over / slope.clamp_min(1)
        good = (newton > low) & (newton < high) & (slope > 0)
        threshold = torch.where(good, newton, (low + high) / 2)
        threshold = torch.where(settled, high, threshold)
    left = torch.minimum((size - batch_view(high)).clamp_min(0), room)
    return left.copysign(noise).add_(photo).clamp_(0, 1)


def _searchable_linf(radius: Tensor, max_level: int | None) -> Tensor:
    """On a grid the largest multiple of a level inside the radius."""
    if max_level is None:
        return (radius - FINEST).clamp_min(0)
    return (radius * max_level * (1 + ROUNDING)).floor() / max_level


def _whole(radius: Tensor, max_level: int | None) -> Tensor:
    """The largest whole number inside the radius."""
    del max_level
    return (radius * (1 + ROUNDING)).floor()


def _round_values(photo: Tensor, noise: Tensor, radius: Tensor, max_level: int) -> Tensor:
    """Each value rounded to the nearest level, which leaves no radius of whole levels or counts."""
    del radius
    levels: Tensor = noise.add(photo).mul_(max_level).round_()
    return levels.div_(max_level).clamp_(0, 1)


def _round_to_length(
    photo: Tensor,
    noise: Tensor,
    radius: Tensor,
    max_level: int,
    *,
    measure: Callable[[Tensor], Tensor],
    power: int | None = None,
) -> Tensor:
    """The noise scaled so that, rounded, it is as long as the radius allows. power: if a distance
    to this power is a sum over values, some values may stand for all."""
    scale = _rounding_scale(noise, radius, max_level, measure, power)
    levels = (photo * max_level).round_()
    for _ in range(SHRINKS):
        steps = noise.mul(batch_view(scale * max_level)).round_()
        pixels = steps.add_(levels).clamp_(0, max_level).div_(max_level)
        over = measure(pixels - photo) > radius * (1 + ROUNDING)
        if not over.any():
            return pixels
        scale = torch.where(over, scale * SHRINK, scale)
    return torch.where(batch_view(over), photo, pixels)


def _rounding_scale(
    noise: Tensor,
    radius: Tensor,
    max_level: int,
    measure: Callable[[Tensor], Tensor],
    power: int | None,
) -> Tensor:
    """By how much to scale the noise so that, rounded, it is about as long as the radius, [N]."""
    if power is None:
        some, room = noise * max_level, radius * max_level
    else:
        values = noise.flatten(1)
        stride = max(values.shape[1] // SAMPLE, 1)
        some = values[:, ::stride, None, None].contiguous() * max_level
        room = radius * max_level / (values.shape[1] / some.shape[1]) ** (1 / power)
    low, high = torch.full_like(radius, 0.25), torch.full_like(radius, 4)
    for _ in range(HALVINGS):
        middle = (low * high).sqrt()
        fits = measure((some * batch_view(middle)).round_()) <= room
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return low


def _uniform(shape: torch.Size) -> Callable[[Generator], Tensor]:
    return lambda generator: torch.rand(shape, generator=generator) * 2 - 1


def _laplace(shape: torch.Size) -> Callable[[Generator], Tensor]:
    def draw(generator: Generator) -> Tensor:
        size = torch.empty(shape).exponential_(generator=generator)
        return size * torch.randn(shape, generator=generator).sign()

    return draw


def _share_of_ball(keys: Tensor, dimensions: int) -> Tensor:
    """u^(1/d): how far out a point uniform in a ball of d dimensions lies, [N]."""
    return draw_rows(keys, lambda g: torch.rand((), generator=g), "share") ** (1 / dimensions)


def _sample_l2(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = normalize(draw_rows(keys, lambda g: torch.randn(shape, generator=g)).to(radius))
    return noise * batch_view(_share_of_ball(keys, shape.numel()).to(radius) * radius)


def _sample_linf(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    return draw_rows(keys, _uniform(shape)).to(radius) * batch_view(radius)


def _sample_l1(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = draw_rows(keys, _laplace(shape)).to(radius)
    noise = noise / batch_view(row_sums(noise.abs()))
    return noise * batch_view(_share_of_ball(keys, shape.numel()).to(radius) * radius)


def _sample_l0(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    """`radius` values anywhere, each uniform in [-1, 1]."""
    noise = draw_rows(keys, _uniform(shape)).to(radius)
    return noise * _largest(draw_rows(keys, _uniform(shape), "places").to(radius), radius)


def _sample_pixels(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = draw_rows(keys, _uniform(shape)).to(radius)
    places = draw_rows(keys, _uniform(torch.Size((1, *shape[1:]))), "places").to(radius)
    return noise * _largest(places, radius)


def _sum_in_words(name: str, distance: float) -> str:
    return f"{name} {distance:#.3g}" if distance < 99.95 else f"{name} {distance:,.0f}"


def _l1(noise: Tensor) -> Tensor:
    return row_sums(noise.abs())


def _pixel_sizes(noise: Tensor) -> Tensor:
    return noise.square().sum(1, keepdim=True).sqrt()


L2 = Norm(
    name="l2",
    about="the root of the sum of squares",
    measure=row_norms,
    project=_project_l2,
    steepest=normalize,
    dual=row_norms,
    sample=_sample_l2,
    nearest="turning",
    in_words=partial(_sum_in_words, "L2"),
    axis="L2 of the change (pixels from 0 to 1)",
    one_value=1.0,
    grid_rounding=partial(_round_to_length, measure=row_norms, power=2),
)
LINF = Norm(
    name="linf",
    about="the largest change of any value; 4/255 is four levels",
    measure=row_largest,
    project=_project_linf,
    steepest=torch.sign,
    dual=_l1,
    sample=_sample_linf,
    nearest="least-levels",
    in_words=lambda distance: f"{float(f'{255 * distance:.3g}'):g} of 255 levels",
    axis="largest change of any value, in levels of 255",
    one_value=1.0,
    axis_unit=255,
    searchable=_searchable_linf,
    grid_rounding=_round_values,
)
L1 = Norm(
    name="l1",
    about="the sum of the changes",
    measure=_l1,
    project=_project_l1,
    steepest=_steepest_one,
    dual=row_largest,
    sample=_sample_l1,
    nearest="sparse",
    in_words=partial(_sum_in_words, "L1"),
    axis="L1 of the change (pixels from 0 to 1)",
    one_value=1.0,
    spread_step=_spread_step_l1,
    box_projection=_box_projection_l1,
    grid_rounding=partial(_round_to_length, measure=_l1, power=1),
)
L0 = Norm(
    name="l0",
    about="how many values change, three to a pixel",
    measure=lambda noise: row_sums(noise != 0).to(noise.dtype),
    project=_project_l0,
    steepest=_steepest_one,
    dual=row_largest,
    sample=_sample_l0,
    nearest="sparse",
    in_words=lambda distance: count(int(distance), "value"),
    axis="values changed",
    counts=True,
    searchable=_whole,
    grid_rounding=_round_values,
)
PIXELS = Norm(
    name="pixels",
    about="how many pixels change",
    measure=lambda noise: row_sums((noise != 0).any(1)).to(noise.dtype),
    project=_project_pixels,
    steepest=_steepest_pixels,
    dual=lambda gradient: row_largest(gradient.abs().sum(1)),
    sample=_sample_pixels,
    nearest="sparse",
    in_words=lambda distance: count(int(distance), "pixel"),
    axis="pixels changed",
    counts=True,
    parts=_pixel_sizes,
    searchable=_whole,
    grid_rounding=_round_values,
)

NORMS: Mapping[str, Norm] = {norm.name: norm for norm in (L2, LINF, L1, L0, PIXELS)}
