"""The search in the page is the program's: the same changes, but for the last digits."""

import base64
import json

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.problem import Goal
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import as_pixels
from pasunchat.pack.weights import network_in_page
from pasunchat.photos.drawing import draw

CLASSES = ("cat", "dog", "fox")
SEARCH = """
const net = probe.openNetwork(v.network), tries = [];
const pixels = probe.pixelsOf(Uint8Array.from(atob(v.image), (c) => c.charCodeAt(0)));
const photo = pixels.map((p) => Math.round(p * 255)), goal = probe.goalOf(v.goal, v.confidence);
const heard = (one) => tries.push(one);
const work = probe.turning(net, photo, goal, v.effort, heard, () => tries.length >= v.most);
const found = await probe.inSlices(work);
return { levels: [...found.levels], isReached: found.isReached, tries };
"""


def photo(size: int) -> np.ndarray:
    return np.asarray(draw("cat", 1, 0, 96).resize((size, size), Image.Resampling.BICUBIC))


def searched(ask, classifier, image, **settings):
    network = json.loads(msgspec.json.encode(network_in_page(classifier)))
    given = {"effort": "normal", "most": 1000, **settings}
    found = ask(SEARCH, network=network, image=base64.b64encode(image.copy()).decode(), **given)
    levels = np.array(found["levels"]).reshape(3, *image.shape[:2])
    return found, levels.transpose(1, 2, 0)


@pytest.mark.parametrize("effort", ["quick", "normal", "thorough"])
@pytest.mark.parametrize("confidence", [0.9, 0])
@pytest.mark.parametrize("network", ["simple:width=6,depth=2", "dense:units=8", "linear"])
def test_it_finds_what_the_program_finds(network, confidence, effort, ask):
    classifier, image = build(network, classes=CLASSES, size=32, seed=3), photo(32)
    goal = int(classifier.logits(image[None])[0].argsort()[-2])
    request = Request(confidence=confidence or None, effort=effort)
    expected = fool(classifier, as_pixels(image[None]), request, goal=Goal(torch.tensor([goal])))
    found, levels = searched(
        ask, classifier, image, goal=goal, confidence=confidence, effort=effort
    )
    distance = np.sqrt((((levels - image.astype(float)) / 255) ** 2).sum())
    assert found["isReached"]
    assert distance == pytest.approx(float(expected.distance[0]), rel=0.03)


def test_what_it_says_reached_is_so_for_the_program(ask):
    classifier, image = build("simple:width=6,depth=2", classes=CLASSES, size=32, seed=3), photo(32)
    goal = int(classifier.logits(image[None])[0].argsort()[0])
    found, levels = searched(ask, classifier, image, goal=goal, confidence=0.95)
    chances = classifier.probabilities(levels.astype(np.uint8)[None])[0]
    assert found["isReached"] and levels.min() >= 0 and levels.max() <= 255
    assert chances[goal] >= 0.95 - 1e-5
    first = found["tries"][0]
    assert first["size"] == 0 and not first["reached"]


def test_a_search_that_is_stopped_gives_its_best_so_far(ask):
    classifier, image = build("simple:width=6,depth=2", classes=CLASSES, size=32, seed=3), photo(32)
    goal = int(classifier.logits(image[None])[0].argsort()[0])
    found, levels = searched(ask, classifier, image, goal=goal, confidence=0.95, most=2)
    assert len(found["tries"]) == 2
    assert (levels != image).any()


def test_the_goal_is_the_programs(ask):
    logits, goal = [1.3, -0.4, 2.2], 1
    for confidence in (0, 0.7):
        tensor = torch.tensor([logits], requires_grad=True)
        margin = Goal(torch.tensor([goal]), confidence=confidence or None).margin(tensor)
        margin.sum().backward()
        found = ask(
            "const goal = probe.goalOf(v.goal, v.confidence);"
            "return { margin: goal.margin(v.logits), weights: goal.weights(v.logits) };",
            goal=goal,
            confidence=confidence,
            logits=logits,
        )
        assert found["margin"] == pytest.approx(float(margin.detach()), abs=1e-6)
        assert found["weights"] == pytest.approx(tensor.grad[0].tolist(), abs=1e-6)
