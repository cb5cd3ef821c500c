"""A unit taken apart adds up to what the network has there."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.explain import Unit, forward_pass, layer_maps, unit

Draw = Callable[..., NDArray[np.uint8]]


def adds_up(found: Unit) -> None:
    products = sum(term.product for term in found.terms)
    assert products + found.rest == pytest.approx(found.sum, abs=1e-9)
    for term in found.terms:
        assert term.product == pytest.approx(term.value * term.weight, abs=1e-12)


@pytest.mark.parametrize(("layer", "terms"), [("conv1", 27), ("conv2", 12), ("conv3", 12)])
def test_value_is_relu_of_sum_and_bias(
    simple: Classifier, picture: Draw, layer: str, terms: int
) -> None:
    seen = forward_pass(simple, picture(224))
    (maps,) = layer_maps(simple, seen, (layer,))
    side = maps.maps.shape[1]
    for map, y, x in [(0, 0, 0), (3, 5, 7), (15, side - 1, side - 1), (9, side // 2, 1)]:
        found = unit(simple, seen, layer, map, y, x)
        adds_up(found)
        assert len(found.terms) == terms and (found.rest == 0) == (terms == 27)
        assert found.value == float(maps.maps[map, y, x])
        assert max(0.0, found.sum + found.bias) == pytest.approx(found.value, abs=1e-4)
        assert found.of[0] // 2 == y and found.of[1] // 2 == x


def test_of_is_the_largest_of_the_four_that_are_pooled(simple: Classifier, picture: Draw) -> None:
    seen = forward_pass(simple, picture(224))
    (fine,) = layer_maps(simple, seen, ("conv1",), pooled=False)
    found = unit(simple, seen, "conv1", 2, 30, 40)
    four = fine.maps[2, 60:62, 80:82]
    assert float(fine.maps[2][found.of]) == float(four.max()) == found.value


def test_terms_of_the_first_layer_are_the_pixels_under_it(
    simple: Classifier, picture: Draw
) -> None:
    image = picture(224)
    found = unit(simple, image, "conv1", 4, 50, 60)
    left, top, size = found.sees
    assert (left, top, size) == (2 * 60 - 1, 2 * 50 - 1, 4)
    for term in found.terms:
        y, x = found.of[0] + term.dy - 1, found.of[1] + term.dx - 1
        assert left <= x < left + size and top <= y < top + size
        assert term.value == pytest.approx(image[y, x, term.map] / 255 - 0.5, abs=1e-6)


def test_outside_of_the_picture_there_is_nothing(simple: Classifier, picture: Draw) -> None:
    found = unit(simple, np.zeros((224, 224, 3), np.uint8), "conv1", 0, 0, 0)
    outside = [t for t in found.terms if found.of[0] + t.dy == 0 or found.of[1] + t.dx == 0]
    assert all(term.value == 0 for term in outside)
    assert {round(term.value, 6) for term in found.terms} <= {0.0, -0.5}


def test_the_largest_products_come_first(simple: Classifier, picture: Draw) -> None:
    terms = unit(simple, picture(224), "conv3", 1, 10, 10).terms
    sizes = [abs(term.product) for term in terms]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("place", [(16, 0, 0), (0, 112, 0), (0, 0, -1)])
def test_there_is_no_unit_outside(
    simple: Classifier, picture: Draw, place: tuple[int, int, int]
) -> None:
    with pytest.raises(PasunchatError, match="16 maps of 112 x 112 units"):
        unit(simple, picture(224), "conv1", *place)
