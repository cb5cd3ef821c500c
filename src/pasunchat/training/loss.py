"""How far a network's answers are from what is wanted."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.training.inputs import Wanted
from pasunchat.training.recipe import Recipe


@dataclass(frozen=True)
class Loss:
    """Cross-entropy in nats, each class by its weight; with a teacher, also to its answers.

    (1 - share) cross-entropy + share T^2 cross-entropy to the teacher's softmax at temperature T
    (Hinton, Vinyals, Dean 2015).
    """

    class_weights: Tensor | None
    label_smoothing: float = 0.0
    teacher_share: float = 0.0
    temperature: float = 1.0

    def __call__(self, logits: Tensor, wanted: Wanted) -> Tensor:
        """The mean loss of logits [N, C], a number."""
        loss = functional.cross_entropy(
            logits, wanted.labels, self.class_weights, label_smoothing=self.label_smoothing
        )
        if wanted.teacher is None:
            return loss
        answers = (wanted.teacher / self.temperature).softmax(1)
        taught = functional.cross_entropy(logits / self.temperature, answers)
        return torch.lerp(loss, self.temperature**2 * taught, self.teacher_share)


def training_loss(recipe: Recipe, class_weights: Tensor | None) -> Loss:
    """What the steps make small."""
    share = recipe.teacher_share if recipe.teacher else 0.0
    return Loss(class_weights, recipe.label_smoothing, share, recipe.temperature)
