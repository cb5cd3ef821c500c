"""A change grows, or does not, from layer to layer."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.explain import growth, layer_maps

Draw = Callable[..., NDArray[np.uint8]]


def test_shares_are_of_norms(simple: Classifier, picture: Draw) -> None:
    photo = picture(224)
    changed = photo.copy()
    changed[100:110, 100:110] = 255
    found = growth(simple, photo, changed)
    assert [each.layer for each in found] == ["pixels", "conv1", "conv2", "conv3"]
    change, given = (changed.astype(float) - photo) / 255, photo / 255 - 0.5
    share = np.linalg.norm(change) / np.linalg.norm(given)
    assert found[0].share == pytest.approx(share, rel=1e-5)
    (before,), (after,) = (layer_maps(simple, each, ("conv2",)) for each in (photo, changed))
    share = float((after.maps - before.maps).norm() / before.maps.norm())
    assert found[2].share == pytest.approx(share, rel=1e-5)


def test_nothing_changed_is_no_growth(simple: Classifier, picture: Draw) -> None:
    assert {each.share for each in growth(simple, picture(224), picture(224))} == {0.0}
