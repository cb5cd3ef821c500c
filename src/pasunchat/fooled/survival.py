"""Does a picture still fool after what pictures go through, and a search that requires it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult
from pasunchat.classifiers.classifier import Classifier, as_pixels, softmax
from pasunchat.classifiers.full_size import fitting, framed_as_for, wrap
from pasunchat.classifiers.on_images import Chain, on_images
from pasunchat.fooled.transforms import AS_SAVED, Transform, transforms

LADDER = transforms(
    "jpeg:95,jpeg:90,jpeg:85,jpeg:75,jpeg:65,jpeg:50,resize:0.75,resize:0.5,"
    "crop:0.95,crop:0.9,rotate:3,brightness:0.9,brightness:1.1"
)


@dataclass(frozen=True)
class Survival:
    """What becomes of a picture after one transform."""

    transform: str  # in words, as "jpeg:75"
    survives: bool  # the goal is still met
    confidence: float  # of the class to reach, or of all but the class to leave, in [0, 1]


def survival(
    classifier: Classifier,
    image: NDArray[np.uint8],
    goal: Goal,
    ladder: Sequence[Transform] = LADDER,
) -> tuple[Survival, ...]:
    """Ask about a picture, uint8 [H, W, 3], after each transform, as of a file.

    goal: of one row. Met means that the answer is the class to reach, or not the one to leave; a
    confidence that the goal may ask for extras is not counted here.
    """
    plain = Goal(goal.classes.cpu(), goal.targeted)
    framed = framed_as_for(classifier)
    found = []
    for transform in ladder:
        seen = Chain((transform.step, framed)).forward(image)
        logits = classifier.predict_logits(as_pixels(seen[None], classifier.mean.device), batch=1)
        chance = float(softmax(logits)[0, int(plain.classes)])
        confidence = chance if plain.targeted else 1 - chance
        found.append(Survival(transform.word, bool(plain.reached(logits)), confidence))
    return tuple(found)


def surviving(classifier: Classifier, required: Sequence[Transform], goal: Goal) -> Classifier:
    """A classifier that speaks for the worst case: its logits are, row by row, those after the
    transform (none among them) that is farthest from the goal.

    An attack on it must meet the goal as saved and after each transform at once. goal: of one
    row, meant for all. Pixels, float [N, 3, H, W], may be of any size. A query costs
    a forward pass for each transform, and with a gradient one more for the worst.
    Raises PasunchatError for a classifier that states no picture size.
    """
    steps = tuple(
        Chain((transform.step, framed_as_for(classifier))) for transform in (AS_SAVED, *required)
    )
    return wrap(classifier, _WorstCase(classifier, steps, goal), size=None)


def as_saved(classifier: Classifier, result: AttackResult, goal: Goal) -> AttackResult:
    """The result of an attack on `surviving`, with logits and margin as the classifier itself
    gives them; reached still means after every transform."""
    asked = fitting(classifier, *result.pixels.shape[2:])
    before, after = (
        asked.predict_logits(result.photos, batch=1),
        asked.predict_logits(result.pixels, batch=1),
    )
    margin = goal.to("cpu").margin(after)
    return replace(result, before_logits=before, after_logits=after, margin=margin)


class _WorstCase(nn.Module):
    def __init__(self, classifier: Classifier, steps: tuple[Chain, ...], goal: Goal) -> None:
        super().__init__()
        self.classifier = classifier
        self.steps = steps
        self.goal = goal

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            every = torch.stack([self._after([step] * len(pixels), pixels) for step in self.steps])
        goal = self.goal.to(every.device).rows(torch.zeros(len(pixels), dtype=torch.int64))
        margins = torch.stack([goal.margin(logits) for logits in every])
        worst = margins.argmin(0)
        if torch.is_grad_enabled() and pixels.requires_grad:
            return self._after([self.steps[index] for index in worst.tolist()], pixels)
        return every[worst, torch.arange(len(pixels), device=every.device)]

    def _after(self, steps: Sequence[Chain], pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(on_images(pixels, steps))
        return logits
