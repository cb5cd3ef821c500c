"""The last sum taken apart is the sum."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.explain import layer_maps, votes

Draw = Callable[..., NDArray[np.uint8]]


def test_votes_and_bias_are_the_lead_that_the_classifier_says(
    simple: Classifier, picture: Draw
) -> None:
    image = picture(224)
    found = votes(simple, image, 1)
    assert found is not None
    logits = simple.logits(image[None])[0]
    assert found.totals == pytest.approx(logits.tolist(), abs=1e-5)
    assert found.lead == pytest.approx(float(logits[1] - logits[0]), abs=1e-5)
    assert found.side == found.votes.shape == (28, 28)
    assert found.votes.sum() + found.bias == pytest.approx(found.lead, abs=1e-3)
    bias = simple.network.dense.bias
    assert found.bias == pytest.approx(float((bias[1] - bias[0]).detach()), abs=1e-6)


def test_a_network_that_cuts_its_gradient_has_none(picture: Draw) -> None:
    class Cut(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: Tensor) -> Tensor:
            found: Tensor = self.network(pixels).detach()
            return found

    classifier = build("simple", classes=("cat", "dog"), size=32, seed=1)
    classifier.network = Cut(classifier.network).eval()
    assert votes(classifier, picture(32), 1) is None


def test_the_other_class_sees_the_opposite(simple: Classifier, picture: Draw) -> None:
    one, two = (votes(simple, picture(224), target) for target in (0, 1))
    assert one is not None and two is not None
    assert np.allclose(one.votes, -two.votes, atol=1e-6) and one.lead == -two.lead


def test_a_place_s_vote_is_its_maps_times_the_weights(simple: Classifier, picture: Draw) -> None:
    """Of both looks, the second turned back."""
    image = picture(224)
    found = votes(simple, image, 1)
    assert found is not None and found.mirror
    weights = simple.network.dense.weight.detach().reshape(2, 16, 28, 28)
    looks = []
    for look in (image, np.ascontiguousarray(image[:, ::-1])):
        (maps,) = layer_maps(simple, look, ("conv3",))
        looks.append((maps.maps * (weights[1] - weights[0])).sum(0).numpy())
    assert np.allclose(found.votes, (looks[0] + looks[1][:, ::-1]) / 2, atol=1e-5)


@pytest.mark.parametrize(("target", "other"), [(2, None), (-1, None), (1, 1), (0, 5)])
def test_classes_that_there_are_not(
    simple: Classifier, picture: Draw, target: int, other: int | None
) -> None:
    with pytest.raises(PasunchatError, match="two of 2 classes"):
        votes(simple, picture(224), target, other)
