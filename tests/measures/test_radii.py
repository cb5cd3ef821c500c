"""Several radii at once: what is run for them, and what is refused."""

from fractions import Fraction

import pytest
import torch

from pasunchat.attacks.fool import Request
from pasunchat.errors import PasunchatError
from pasunchat.measures.radii import requests_for, values_of

PGD = {"attack": "pgd:steps=5", "norm": "linf"}


@pytest.mark.parametrize(
    ("radii", "values"),
    [
        (None, ()),
        ("8/255", (8 / 255,)),
        (0.5, (0.5,)),
        ([0.5, "1/4", Fraction(1, 8), 0, 0.25], (0, 0.125, 0.25, 0.5)),
        (torch.tensor([0.5, 0.25]), (0.25, 0.5)),
    ],
)
def test_radii_are_numbers_each_once_rising(radii: object, values: tuple[float, ...]) -> None:
    assert values_of(radii) == values  # type: ignore[arg-type]


def test_the_nearest_is_searched_once_and_without_a_radius() -> None:
    for request, options in ((None, {"norm": "l2"}), (Request(), {})):
        (only,) = requests_for(request, options, [0.1, 0.5])
        assert only.radius is None and only.name == "turning"


def test_another_attack_runs_within_each_radius_that_holds_a_picture() -> None:
    """Half a level holds none on 256 levels; without a grid it does."""
    radii = [8 / 255, 0, 0.5 / 255, 2 / 255]
    requests = requests_for(None, PGD, radii)
    assert [request.radius for request in requests] == [2 / 255, 8 / 255]
    free = requests_for(None, {**PGD, "levels": None}, radii)
    assert [request.radius for request in free] == [0.5 / 255, 2 / 255, 8 / 255]
    assert requests_for(Request(**PGD, radius=1.0), {}, None)[0].radius == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "options", "radii", "match"),
    [
        (None, {"radius": 0.5}, [0.1], "a radius or radii, got both"),
        (Request(radius=0.5), {}, [0.1], "a radius or radii, got both"),
        (None, PGD, [0], "radii: expected one above 0 for pgd"),
        (None, PGD, [-1.0], "at least 0"),
        (None, PGD, ["much"], "such as 0.5 or 4/255"),
        (None, {"mask": torch.ones(2, 1, 4, 4)}, [0.5], "one mask for all photos"),
        (None, PGD, None, "pgd searches inside a radius"),
    ],
)
def test_what_is_refused(
    request_: Request | None, options: dict[str, object], radii: object, match: str
) -> None:
    with pytest.raises(PasunchatError, match=match):
        requests_for(request_, options, radii)  # type: ignore[arg-type]
