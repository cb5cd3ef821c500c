"""Which layers there are, and what they made of a picture."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.load import masked, smoothed
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError
from pasunchat.explain import Field, forward_pass, layer_maps, layers_of, shown_layers

Draw = Callable[..., NDArray[np.uint8]]


def test_layers_of_simple_are_the_talk_s(simple: Classifier) -> None:
    layers = layers_of(simple)
    assert [layer.name for layer in layers] == ["conv1", "conv2", "conv3", "dense"]
    assert [layer.parameters for layer in layers] == [448, 2320, 2320, 25090]
    assert [layer.kind for layer in layers] == ["conv", "conv", "conv", "dense"]
    fields = [Field(2, -1, 4), Field(4, -3, 10), Field(8, -7, 22), None]
    assert [layer.field for layer in layers] == fields
    assert shown_layers(simple) == ("conv1", "conv2", "conv3")


def test_maps_are_what_the_next_layer_is_given(simple: Classifier, picture: Draw) -> None:
    image = picture(224)
    with simple.as_judge():
        value, given = simple.normalised(as_pixels(image[None])), {}
        for name, part in simple.network.named_children():
            given[name], value = value, part(value)
    first, second, third = layer_maps(simple, image)
    assert torch.allclose(first.maps, given["conv2"][0], atol=1e-6)
    assert torch.allclose(second.maps, given["conv3"][0], atol=1e-6)
    assert torch.allclose(third.maps.reshape(-1), given["dense"][0], atol=1e-6)
    assert first.shown == tuple(range(16)) and first.field == Field(2, -1, 4)


def test_unpooled_maps_pool_to_the_maps(simple: Classifier, picture: Draw) -> None:
    seen = forward_pass(simple, picture(224))
    for pooled, fine in zip(
        layer_maps(simple, seen), layer_maps(simple, seen, pooled=False), strict=True
    ):
        assert torch.equal(torch.nn.functional.max_pool2d(fine.maps, 2), pooled.maps)


def test_sees_as_much_as_the_summary_says(simple: Classifier) -> None:
    seen = {row.name: row.seen[0] for row in describe(simple).layers}
    for number, layer in enumerate(layers_of(simple)[:3], 1):
        assert layer.field is not None and layer.field.size == seen[f"relu{number}"]


def test_only_pixels_in_its_field_move_a_unit(simple: Classifier, picture: Draw) -> None:
    image = picture(224)
    before = layer_maps(simple, image)
    for index, (y, x) in enumerate([(40, 50), (20, 25), (10, 12)]):
        field = before[index].field
        assert field is not None
        left, top, size = field.at(y, x)
        other = 255 - image
        other[top : top + size, left : left + size] = image[top : top + size, left : left + size]
        after = layer_maps(simple, other)[index].maps
        assert torch.allclose(after[:, y, x], before[index].maps[:, y, x], atol=1e-6)
        assert not torch.allclose(after[:, y + 1, x], before[index].maps[:, y + 1, x], atol=1e-3)


def test_a_layer_that_there_is_not(simple: Classifier, picture: Draw) -> None:
    with pytest.raises(PasunchatError, match=r'no layer "conv4"; .* conv1, conv2, conv3, dense'):
        layer_maps(simple, picture(224), ("conv4",))


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8, 3), np.uint8), np.zeros((224, 224, 3)), np.zeros((224, 224), "u1")]
)
def test_a_picture_that_is_none(simple: Classifier, image: NDArray[np.uint8]) -> None:
    with pytest.raises(PasunchatError, match="image: expected"):
        layer_maps(simple, image)


def test_what_votes_on_many_versions_shows_no_layers(simple: Classifier, picture: Draw) -> None:
    """Each layer made one thing of each version, none of the picture."""
    for voting in (smoothed(simple, 0.1, draws=3), masked(simple, 0.1, windows=2)):
        assert layers_of(voting) == layer_maps(voting, picture(224)) == shown_layers(voting) == ()
        seen = forward_pass(voting, picture(224))
        expected = voting.predict_logits(as_pixels(picture(224)[None]))[0]
        assert torch.allclose(seen.logits.float(), expected, atol=1e-4)
