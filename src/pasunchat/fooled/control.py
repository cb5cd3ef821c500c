"""The control: random noise of the same size. If it fooled too, the attack would prove nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.attacks.problem import Goal, Problem
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2
from pasunchat.runtime import generator

HALVINGS = 30


@dataclass(frozen=True)
class Control:
    """What random noise does."""

    draws: int  # random noises tried
    reached: int  # how many of them met the goal
    unchanged: int  # how many left the class as it was
    distance: float  # their mean L2


def random_control(
    classifier: Classifier, photo: Tensor, goal: Goal, distance: float, *, draws: int, seed: int
) -> Control:
    """Add random noise of L2 `distance`, on the grid of 256 levels, to one photo [3, H, W]."""
    problem = Problem(photo[None], goal)
    noisy = torch.cat([with_random_noise(problem, distance, seed, draw) for draw in range(draws)])
    before = classifier.predict_logits(photo[None], batch=1).argmax(1)
    logits = classifier.predict_logits(noisy, batch=1)
    every = Goal(goal.classes.cpu().expand(draws), goal.targeted)
    return Control(
        draws=draws,
        reached=int(every.reached(logits).sum()),
        unchanged=int((logits.argmax(1) == before).sum()),
        distance=float(L2.measure(noisy - photo).mean()),
    )


def with_random_noise(problem: Problem, distance: float, seed: int, draw: int) -> Tensor:
    """One photo [1, 3, H, W] with Gaussian noise, scaled until what is left of it after
    clipping and rounding has the L2 `distance`, as nearly as the grid allows."""
    photo = problem.pixels
    noise = torch.randn(photo.shape, generator=generator(seed, "control", draw)).to(photo.device)

    def at(scale: float) -> Tensor:
        return problem.snap((photo + scale * noise).clamp(0, 1))

    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if float(L2.measure(at(middle) - photo)) < distance:
            low = middle
        else:
            high = middle
    return at(high)
