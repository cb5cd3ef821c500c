"""Several radii at once: the searches from which robust accuracy within each of them follows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from pasunchat.attacks.fool import Request, radius_of, request_of
from pasunchat.errors import PasunchatError
from pasunchat.norms import ROUNDING

Radius = float | str | Fraction  # 0.03, "8/255"
Radii = Radius | Iterable[Radius]


def values_of(radii: Radii | None) -> tuple[float, ...]:
    """The radii as numbers, each once, rising; none for None."""
    if radii is None:
        return ()
    one = isinstance(radii, str) or not isinstance(radii, Iterable)
    return tuple(sorted({radius_of(radius) for radius in ([radii] if one else radii)}))  # type: ignore[union-attr]


def requests_for(
    request: Request | None, options: dict[str, Any], radii: Radii | None
) -> tuple[Request, ...]:
    """The searches, in the order in which they are run, each on what those before did not fool.

    request, options: as `fool` takes them, their radius left out where there are radii. An attack
    that searches the nearest change is run once, without a radius: all radii follow. Any other is
    run within each radius in which there is a picture at all, rising, so that a photo fooled
    within one counts as fooled within the larger.
    Raises PasunchatError also for a mask that is not one for all photos.
    """
    values = values_of(radii)
    if not values:
        return (_with_one_mask(request_of(request, options)),)
    if (options if request is None else vars(request)).get("radius") is not None:
        raise PasunchatError("expected a radius or radii, got both; leave one of them out")
    if request is None:
        largest = Request(**{**options, "radius": values[-1]})
    else:
        largest = replace(request_of(request, options), radius=values[-1])
    _with_one_mask(largest)
    if "nearest" in largest.method.info.aims:
        return (replace(largest, radius=None),)
    grid = None if largest.levels is None else largest.levels - 1
    least = largest.norm.least(grid) * (1 - ROUNDING)
    inside: Sequence[float] = [radius for radius in values if radius and radius >= least]
    if not inside:
        raise PasunchatError(
            f"radii: expected one above 0 for {largest.name}, got {values}; evaluate says how "
            "many are right without any change"
        )
    return tuple(replace(largest, radius=radius) for radius in inside)


def _with_one_mask(request: Request) -> Request:
    mask = request.mask
    if mask is not None and mask.ndim == 4 and len(mask) > 1:
        raise PasunchatError(
            "mask: expected one mask for all photos of a split, [H, W] or [1, 1 or 3, H, W], got "
            f"{list(mask.shape)}"
        )
    return request
