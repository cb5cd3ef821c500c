"""What the page says of a network's inside is what `pasunchat.explain` says."""

import base64
import json
from dataclasses import asdict

import msgspec
import numpy as np
import pytest

from pasunchat.classifiers.build import build
from pasunchat.explain import growth, layer_maps, pushes, shown_layers, unit, votes
from pasunchat.pack.weights import network_in_page

CLASSES = ("cat", "dog", "fox")
NETWORKS = {
    "simple": lambda: build("simple:width=6", classes=CLASSES, size=32, mirrored=True, seed=2),
    "tiny": lambda: build("tiny:plan=plain", classes=CLASSES, size=64, seed=2),
    "residual": lambda: build("residual:width=20,depth=1", classes=CLASSES, size=32, seed=2),
}
INSIDE = """
const net = probe.openNetwork(v.network);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const photo = probe.pixelsOf(bytes(v.photo)), picture = probe.pixelsOf(bytes(v.picture));
const values = await probe.inSlices(probe.forward(net, photo));
const rooms = v.rooms.map((name) => ({ name })), last = v.rooms.at(-1);
const maps = v.rooms.map((name) => [false, true].map((before) => {
  const { side, maps } = probe.mapsIn(net, values, name, before);
  return { side, maps: [...maps] };
}));
const order = (n) => probe.shuffled(n, 1);
return {
  layers: probe.layersIn(net, values, rooms), maps,
  first: probe.unitIn(net, values, v.rooms[0], null, 2, 3, 4),
  last: probe.unitIn(net, values, last, null, 1, 0, 1),
  votes: await probe.inSlices(probe.votesIn(net, photo, 1, 0)),
  pushes: await probe.inSlices(probe.pushesIn(net, photo, picture, 1, 0, order)),
  growth: await probe.inSlices(probe.growthIn(net, photo, { found: picture }, rooms)),
};
"""


@pytest.fixture(scope="module", params=NETWORKS)
def both(request, ask):
    """The classifier, two images, and what the page says of them."""
    classifier = NETWORKS[request.param]().eval()
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (classifier.size, classifier.size, 3), dtype=np.uint8)
    change = rng.integers(-3, 4, photo.shape)
    picture = (photo + change).clip(0, 255).astype(np.uint8)
    said = ask(
        INSIDE,
        network=json.loads(msgspec.json.encode(network_in_page(classifier))),
        photo=base64.b64encode(photo).decode(),
        picture=base64.b64encode(picture).decode(),
        rooms=list(shown_layers(classifier)),
    )
    return classifier, photo, picture, said


def test_layers_and_maps(both):
    classifier, photo, _, said = both
    names = shown_layers(classifier)
    for i, (pooled, plain) in enumerate(
        zip(layer_maps(classifier, photo), layer_maps(classifier, photo, pooled=False), strict=True)
    ):
        layer, shown = said["layers"][i], list(pooled.shown)
        assert layer["name"] == names[i] and layer["shown"] == shown
        assert layer["side"] == list(pooled.maps.shape[1:])
        assert layer["channels"] == len(pooled.maps)
        for found, expected in zip(said["maps"][i], (pooled, plain), strict=True):
            values = expected.maps[shown].numpy()
            assert found["side"] == list(values.shape[1:])
            assert np.allclose(found["maps"], values.ravel(), atol=1e-4)
        tops = pooled.maps[shown].amax((1, 2)).clamp(min=0).tolist()
        assert layer["top"] == pytest.approx(tops, abs=1e-4)


def test_one_unit(both):
    classifier, photo, _, said = both
    names = shown_layers(classifier)
    for found, (name, *place) in (
        (said["first"], (names[0], 2, 3, 4)),
        (said["last"], (names[-1], 1, 0, 1)),
    ):
        expected = asdict(unit(classifier, photo, name, *place))
        assert found["of"] == list(expected["of"])
        for part in ("sum", "bias", "value", "rest"):
            assert found[part] == pytest.approx(expected[part], abs=1e-4)
        assert len(found["terms"]) == len(expected["terms"])
        products = sorted(term["product"] for term in found["terms"])
        assert products == pytest.approx(
            sorted(term["product"] for term in expected["terms"]), abs=1e-4
        )


def test_the_last_sum(both):
    classifier, photo, _, said = both
    expected = votes(classifier, photo, 1, 0)
    found = said["votes"]
    assert found["side"] == list(expected.side) and found["mirror"] == expected.mirror
    assert np.allclose(found["votes"], expected.votes.ravel(), atol=1e-4)
    assert found["bias"] == pytest.approx(expected.bias, abs=1e-4)
    assert sum(found["votes"]) + found["bias"] == pytest.approx(found["lead"], abs=1e-4)
    assert found["totals"] == pytest.approx(list(expected.totals), abs=1e-4)


def test_pushes_add_up(both):
    classifier, photo, picture, said = both
    expected, found = pushes(classifier, photo, picture, 1, 0), said["pushes"]
    assert found["complete"] and found["walk"][0] == 0
    assert found["changed"] == expected.changed
    assert found["before"] == pytest.approx(expected.before, abs=1e-4)
    assert found["after"] == pytest.approx(expected.after, abs=1e-4)
    assert found["total"] == pytest.approx(found["after"] - found["before"], rel=1e-3)
    assert found["walk"][-1] == pytest.approx(found["total"])
    assert found["toward"] == pytest.approx(expected.toward, rel=0.02)


def test_growth(both):
    classifier, photo, picture, said = both
    for found, expected in zip(said["growth"], growth(classifier, photo, picture), strict=True):
        assert found["layer"] == expected.layer
        assert found["found"] == pytest.approx(expected.share, rel=1e-4)
