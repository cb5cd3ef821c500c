"""Losses: (logits [N, C], goal) -> [N], larger is nearer to the goal, so no attack flips a sign.

And what a goal to leave a class asks of each other class alone.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from pasunchat.attacks.problem import Goal
from pasunchat.errors import PasunchatError

Loss = Callable[[Tensor, Goal], Tensor]
LossName = Literal["margin", "ce", "dlr"]


def margin(logits: Tensor, goal: Goal) -> Tensor:
    """The goal's own margin: it never saturates, and needs no third class."""
    return goal.margin(logits)


def log_probability(logits: Tensor, goal: Goal) -> Tensor:
    """Cross-entropy: log p(target), by log-softmax; untargeted -log p of the class to leave."""
    chosen = logits.log_softmax(1).gather(1, goal.classes[:, None]).squeeze(1)
    return chosen if goal.targeted else -chosen


def difference_of_logits_ratio(logits: Tensor, goal: Goal) -> Tensor:
    """DLR (Croce and Hein 2020, arXiv:2003.01690, equations 6 and 7).

    Raises PasunchatError below three classes (four if targeted): with the logits that are left the
    ratio is a constant and has no gradient.
    """
    needed = 4 if goal.targeted else 3
    if logits.shape[1] < needed:
        raise PasunchatError(
            f"the loss dlr needs {needed} classes or more, this classifier has "
            f"{logits.shape[1]}: its ratio would be constant; take loss_function=margin"
        )
    ordered = logits.sort(1, descending=True).values
    plain = Goal(goal.classes, goal.targeted)
    if goal.targeted:
        spread = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    else:
        spread = ordered[:, 0] - ordered[:, 2]
    return plain.margin(logits) / (spread + 1e-12)


LOSSES: Mapping[LossName, Loss] = {
    "margin": margin,
    "ce": log_probability,
    "dlr": difference_of_logits_ratio,
}


def likeliest_others(logits: Tensor, goal: Goal, most: int) -> Tensor:
    """The likeliest classes but the one to leave, the likeliest first, int64 [N, K], of logits
    [N, C]; K = min(most, C - 1)."""
    others = logits.scatter(1, goal.classes[:, None], -torch.inf)
    return others.topk(min(most, logits.shape[1] - 1), 1).indices
