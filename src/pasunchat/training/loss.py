"""What the steps of a training minimise: cross-entropy, perhaps with a teacher's part."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.training.inputs import Targets


@dataclass(frozen=True)
class Loss:
    """Cross-entropy in nats to the labels and, where the targets have them, a teacher's answers.

    (1 - s) CE(logits, labels) + s T^2 CE(logits / T, softmax(teacher_logits / T)), where s is the
    teacher's share and T the temperature (Hinton, Vinyals, Dean 2015).
    """

    class_weights: Tensor | None = None  # float [C], one for each class's photos; None: all 1
    label_smoothing: float = 0.0  # share of each label that is spread over all classes
    teacher_share: float = 0.0  # s
    temperature: float = 1.0  # T

    def of_each(self, logits: Tensor, targets: Targets) -> Tensor:
        """What each photo adds to the loss to its label: [N], their mean is the loss."""
        labels, weights = targets.labels, self.class_weights
        losses = functional.cross_entropy(logits, labels, weights, reduction="none")
        return losses if weights is None else losses * len(labels) / weights[labels].sum()

    def __call__(self, logits: Tensor, targets: Targets) -> Tensor:
        """The mean loss of a batch, a scalar, from logits [N, C]."""
        loss = functional.cross_entropy(
            logits, targets.labels, self.class_weights, label_smoothing=self.label_smoothing
        )
        if targets.teacher_logits is None:
            return loss
        answers = (targets.teacher_logits / self.temperature).softmax(1)
        distillation = functional.cross_entropy(logits / self.temperature, answers)
        return torch.lerp(loss, self.temperature**2 * distillation, self.teacher_share)
