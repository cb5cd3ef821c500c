"""Whoever looks on hears each question and may end a search; that changes nothing else."""

import pytest
import torch
from torch import Tensor

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.watch import Watch
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier

SIZE = 16
ATTACKS = ("turning", "ddn", "learned-noise", "hop-skip-jump", "portfolio", "square")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("linear", classes=("cat", "dog", "fox"), size=SIZE, seed=3).eval()


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return torch.randint(0, 256, (1, 3, SIZE, SIZE), generator=torch.manual_seed(0)) / 255


class Ear:
    """Keeps what it hears, and says when it is enough."""

    def __init__(self, enough: int | None = None) -> None:
        self.enough = enough
        self.asked: list[Tensor] = []
        self.logits: list[Tensor] = []

    def hear(self, problem: Problem, pixels: Tensor, logits: Tensor) -> None:
        assert pixels.shape[:2] == logits.shape[:2]
        assert len(problem.pixels) == len(pixels)
        self.asked.append(pixels.clone())
        self.logits.append(logits.clone())

    def is_enough(self) -> bool:
        return self.enough is not None and len(self.asked) >= self.enough

    @property
    def watch(self) -> Watch:
        return Watch(self.hear, self.is_enough)


def _goal(classifier: Classifier, photo: Tensor) -> Goal:
    return Goal(classifier.predict_logits(photo).argmin(1))


def _options(attack: str) -> dict[str, object]:
    inside = {"norm": "linf", "radius": 0.2} if attack == "square" else {}
    return {"attack": attack, "effort": "quick" if attack == "portfolio" else "normal", **inside}


@pytest.mark.parametrize("attack", ATTACKS)
def test_listening_changes_no_byte(classifier: Classifier, photo: Tensor, attack: str) -> None:
    goal, ear, options = _goal(classifier, photo), Ear(), _options(attack)
    alone = fool(classifier, photo, goal=goal, **options)
    heard = fool(classifier, photo, goal=goal, watch=ear.watch, **options)
    assert torch.equal(alone.pixels, heard.pixels)
    assert torch.equal(alone.forwards, heard.forwards)
    assert alone.status == heard.status


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_heard_is_what_was_asked(
    classifier: Classifier, photo: Tensor, attack: str
) -> None:
    goal, ear = _goal(classifier, photo), Ear()
    result = fool(classifier, photo, goal=goal, watch=ear.watch, **_options(attack))
    count = sum(pixels.shape[0] * pixels.shape[1] for pixels in ear.asked)
    assert 0 < count <= int(result.forwards[0])
    for pixels, logits in zip(ear.asked, ear.logits, strict=True):
        again = classifier.predict_logits(pixels.flatten(0, 1))
        assert torch.allclose(again, logits.flatten(0, 1), atol=1e-4)


@pytest.mark.parametrize("attack", ("turning", "ddn", "hop-skip-jump"))
def test_a_search_that_is_ended_leaves_with_its_best(
    classifier: Classifier, photo: Tensor, attack: str
) -> None:
    goal, enough = _goal(classifier, photo), 3
    ear = Ear(enough)
    result = fool(classifier, photo, goal=goal, watch=ear.watch, **_options(attack))
    assert len(ear.asked) == enough
    assert result.status[0] in (Status.REACHED, Status.NOT_REACHED)
    (judged,) = classifier.predict_logits(result.pixels).argmax(1).tolist()
    assert (judged == int(goal.classes)) == (result.status[0] is Status.REACHED)
