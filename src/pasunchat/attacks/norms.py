"""How large a change is: norms as values made of functions. noise is float [N, 3, H, W].

Pixels in [0, 1] give distances in the same unit: one level of 255 in one value is 1/255 in L1, L2
and LINF. L0 counts values, PIXELS counts pixels of which at least one value changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Norm:
    """A way to measure noise, and what follows from it.

    about: in a few words. measure: noise -> distance [N]. project: (noise, radius [N]) -> the
    noise nearest in L2 whose distance is at most radius. steepest: gradient -> the noise of
    distance 1 along which it rises most (for L0 and PIXELS: with values in [-1, 1]). dual:
    gradient [N, ...] -> that rise, [N]. sample: (keys int64 [N], shape of a row, radius [N]) ->
    noise inside the radius, each row drawn from its key alone.
    """

    name: str
    about: str
    measure: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, Tensor], Tensor]
    steepest: Callable[[Tensor], Tensor]
    dual: Callable[[Tensor], Tensor]
    sample: Callable[[Tensor, torch.Size, Tensor], Tensor]


def row_sums(values: Tensor) -> Tensor:
    """The sum of each row, [N, ...] -> [N]. On a CPU row by row: the same bits in any company;
    elsewhere the network's own answers differ in theirs."""
    if values.device.type != "cpu":
        return values.flatten(1).sum(1)
    return torch.stack([row.sum() for row in values]) if len(values) else values.new_zeros(0)


def row_norms(values: Tensor) -> Tensor:
    """The L2 norm of each row, [N, ...] -> [N]."""
    return row_sums(values.square()).sqrt()


def wide(row: Tensor) -> Tensor:
    """[N] -> [N, 1, 1, 1], to go with pixels."""
    return row[:, None, None, None]


def unit(values: Tensor) -> Tensor:
    """Each row divided by its L2 norm; a row of zeros stays."""
    return values / wide(row_norms(values).clamp_min(torch.finfo(values.dtype).tiny))


def _project_l2(noise: Tensor, radius: Tensor) -> Tensor:
    size = row_norms(noise)
    return noise * wide((radius / size.clamp_min(1e-30)).clamp_max(1))


def _project_linf(noise: Tensor, radius: Tensor) -> Tensor:
    return noise.clamp(wide(-radius), wide(radius))


def _project_l1(noise: Tensor, radius: Tensor) -> Tensor:
    """Duchi et al. 2008: the soft threshold that leaves the radius, found by sorting."""
    flat = noise.abs().flatten(1)
    ordered = flat.sort(dim=1, descending=True, stable=True).values.double()
    over = (ordered.cumsum(1) - radius.double()[:, None]) / torch.arange(
        1, flat.shape[1] + 1, device=noise.device
    )
    count = (ordered > over).sum(1).clamp_min(1)
    threshold = over.gather(1, count[:, None] - 1).squeeze(1).clamp_min(0)
    outside = row_sums(flat) > radius
    shrunk = (noise.abs().double() - wide(threshold)).clamp_min(0).to(noise.dtype)
    return torch.where(wide(outside), shrunk.copysign(noise), noise)


def _largest(values: Tensor, count: Tensor) -> Tensor:
    """bool like values [N, ...]: the `count` [N] largest of each row; ties by place."""
    flat = values.flatten(1)
    places = flat.sort(dim=1, descending=True, stable=True).indices
    chosen = torch.arange(flat.shape[1], device=values.device) < count[:, None]
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


def _largest_value(gradient: Tensor) -> Tensor:
    return gradient.abs().flatten(1).amax(1)


def _drawn(
    keys: Tensor, shape: torch.Size, draw: Callable[[torch.Size, torch.Generator], Tensor]
) -> Tensor:
    return torch.stack([draw(shape, torch.Generator().manual_seed(int(key))) for key in keys])


def _uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * 2 - 1


def _gaussian(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def _laplace(shape: torch.Size, generator: torch.Generator) -> Tensor:
    size = torch.empty(shape).exponential_(generator=generator)
    return size * _gaussian(shape, generator).sign()


def _share_of_ball(keys: Tensor, dimensions: int) -> Tensor:
    """u^(1/d): how far out a point uniform in a ball of d dimensions lies, [N]."""
    draws = [torch.rand(1, generator=torch.Generator().manual_seed(int(key) ^ 1)) for key in keys]
    return torch.cat(draws) ** (1 / dimensions)


def _sample_l2(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = unit(_drawn(keys, shape, _gaussian))
    return noise.to(radius.device) * wide(_share_of_ball(keys, shape.numel()).to(radius) * radius)


def _sample_linf(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    return _drawn(keys, shape, _uniform).to(radius.device) * wide(radius)


def _sample_l1(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = _drawn(keys, shape, _laplace)
    noise = noise / wide(row_sums(noise.abs()))
    return noise.to(radius.device) * wide(_share_of_ball(keys, shape.numel()).to(radius) * radius)


def _sample_l0(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    """`radius` values anywhere, each uniform in [-1, 1]."""
    noise = _drawn(keys, shape, _uniform).to(radius.device)
    return noise * _largest(_drawn(keys + 1, shape, _uniform).to(radius.device), radius)


def _sample_pixels(keys: Tensor, shape: torch.Size, radius: Tensor) -> Tensor:
    noise = _drawn(keys, shape, _uniform).to(radius.device)
    place = _drawn(keys + 1, torch.Size((1, *shape[1:])), _uniform).to(radius.device)
    return noise * _largest(place, radius)


L2 = Norm(
    "l2", "the root of the sum of squares", row_norms, _project_l2, unit, row_norms, _sample_l2
)
LINF = Norm(
    "linf",
    "the largest change of any value; 4/255 is four levels",
    lambda noise: noise.abs().flatten(1).amax(1),
    _project_linf,
    torch.sign,
    lambda gradient: row_sums(gradient.abs()),
    _sample_linf,
)
L1 = Norm(
    "l1",
    "the sum of the changes",
    lambda noise: row_sums(noise.abs()),
    _project_l1,
    _steepest_one,
    _largest_value,
    _sample_l1,
)
L0 = Norm(
    "l0",
    "how many values change, three to a pixel",
    lambda noise: (noise != 0).flatten(1).sum(1).to(noise.dtype),
    _project_l0,
    _steepest_one,
    _largest_value,
    _sample_l0,
)
PIXELS = Norm(
    "pixels",
    "how many pixels change",
    lambda noise: (noise != 0).any(1).flatten(1).sum(1).to(noise.dtype),
    _project_pixels,
    _steepest_pixels,
    lambda gradient: gradient.abs().sum(1).flatten(1).amax(1),
    _sample_pixels,
)

NORMS: Mapping[str, Norm] = {norm.name: norm for norm in (L2, LINF, L1, L0, PIXELS)}
