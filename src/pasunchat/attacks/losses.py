"""Losses: (logits [N, C], goal) -> [N], larger is nearer to the goal, so no attack flips a sign."""

from torch import Tensor

from pasunchat.attacks.problem import Goal


def log_probability(logits: Tensor, goal: Goal) -> Tensor:
    """log p(target) by log-softmax where a class is to be reached, -log p where one is left."""
    chosen = logits.log_softmax(1).gather(1, goal.classes[:, None]).squeeze(1)
    return chosen if goal.reach else -chosen
