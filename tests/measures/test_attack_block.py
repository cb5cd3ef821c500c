"""What is proved is not attacked: by `standard`, and only where it is proved at the radius."""

import numpy as np
import pytest
import torch

from pasunchat.attacks.fool import Request
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.measures.attack_block import Labelled, Subject, attack_block

SIZE, PHOTOS = 16, 6


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("simple:width=4,depth=2", classes=("cat", "dog"), size=SIZE, seed=0)


def subject(classifier: Classifier, request: Request) -> Subject:
    images = np.random.default_rng(0).integers(60, 190, (PHOTOS, SIZE, SIZE, 3), dtype=np.uint8)
    pixels = as_pixels(images)
    labels = classifier.predict_logits(pixels).argmax(1).numpy()
    names = [str(at) for at in range(PHOTOS)]
    photos = Labelled(lambda rows: pixels[torch.from_numpy(rows)], labels, names, ("cat", "dog"))
    return Subject(classifier, classifier.digest(), photos, (request,))


def test_standard_lets_go_what_is_proved_and_nothing_else(classifier: Classifier) -> None:
    near = Request("standard:queries=20,steps=5", "linf", 1e-5, levels=None)
    rows = np.arange(PHOTOS)
    found = attack_block(subject(classifier, near), rows, lambda *_: None)
    assert [row.forwards + row.backwards for row in found] == [0] * PHOTOS
    assert {row.result.status[row.at] for row in found} == {Status.NOT_REACHED}
    far = Request("standard:queries=20,steps=5", "linf", 0.2, levels=None)
    attacked = attack_block(subject(classifier, far), rows, lambda *_: None)
    assert all(row.forwards + row.backwards > 0 for row in attacked)


def test_another_attack_says_what_it_finds_itself(classifier: Classifier) -> None:
    near = Request("pgd:steps=3", "linf", 1e-5, levels=None)
    found = attack_block(subject(classifier, near), np.arange(2), lambda *_: None)
    assert all(row.forwards + row.backwards > 0 for row in found)
