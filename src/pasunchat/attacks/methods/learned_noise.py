"""The talk's attack: noise learned as if it were weights, at a cost for its size.

The talk "Ceci n'est pas un chat", slides "How?" (cecil-nest-pas-un-chat, 2019). With x the photo
and n the noise, Adam minimises

    const |n|^2 - log p(target)      over n,  p of clip(x + n, 0, 1)

n starts small and random. It stops after `patience` steps without a lower loss, and the noise of
the lowest loss is the result, whether or not it reaches the goal.

Where this differs from the talk: pixels and noise are in [0, 1] where the talk's are in [0, 255],
which changes nothing. Where the goal is only to leave a class, log p(target) is -log p(class).
"""

from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pasunchat.attacks.losses import log_probability
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, AttackInfo, Query, refuse_below_one
from pasunchat.draws import draw_rows
from pasunchat.norms import L2, batch_view, row_sums

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # of Keras's Adam


@dataclass(frozen=True)
class LearnedNoiseState:
    """Where the search is."""

    noise: Tensor  # n, [N, 3, H, W]
    exp_avg: Tensor  # Adam's first moment, [N, 3, H, W]
    exp_avg_sq: Tensor  # Adam's second moment, [N, 3, H, W]
    best_noise: Tensor  # that of the lowest loss, [N, 3, H, W]
    best_loss: Tensor  # [N]: the lowest loss, infinite before the first answer
    waited: Tensor  # int64 [N]: steps without a lower loss
    done: Tensor  # bool [N]: patience is over


@dataclass(frozen=True)
class LearnedNoise:
    """The talk's attack: Adam learns noise that fools, at a cost for its size."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="noise learned by Adam, at a cost for its size (the talk's)",
        paper='the talk "Ceci n\'est pas un chat", slides "How?"',
        norms=(L2.name,),
        when="to show the talk's own attack; it stops by its own rule",
        cost="some 100 to 280 gradients",
        own_result=True,
    )

    # weight of sum(noise^2) against -log p(target); lower fools more surely and shows more
    const: float = 0.1
    lr: float = 1e-3  # Adam's step size
    steps: int = 1000  # largest number of gradients
    patience: int = 10  # steps without a lower loss before the search ends

    def __post_init__(self) -> None:
        for name, value in (("const", self.const), ("lr", self.lr)):
            if not 0 <= value < inf:
                raise ValueError(f"{name}: expected a number of at least 0, got {value}")
        refuse_below_one(self, "steps", "patience")

    def start(self, problem: Problem, keys: Tensor) -> LearnedNoiseState:
        shape = problem.pixels.shape[1:]
        noise = draw_rows(keys, lambda g: _glorot_uniform(shape, g)).to(problem.pixels)
        noise = noise.contiguous(memory_format=torch.channels_last)
        zero = noise.new_zeros(len(keys))
        return LearnedNoiseState(
            noise=noise,
            exp_avg=torch.zeros_like(noise),
            exp_avg_sq=torch.zeros_like(noise),
            best_noise=noise,
            best_loss=zero + inf,
            waited=zero.long(),
            done=zero.bool(),
        )

    def ask(self, problem: Problem, state: LearnedNoiseState, step: int) -> Query:
        return Query((problem.pixels + state.noise).clamp_(0, 1)[:, None])

    def loss(self, problem: Problem, state: LearnedNoiseState, logits: Tensor) -> Tensor:
        return log_probability(logits, problem.goal)

    def step(
        self, problem: Problem, state: LearnedNoiseState, answer: Answer, step: int
    ) -> LearnedNoiseState:
        assert answer.loss is not None and answer.gradient is not None
        loss = self.const * row_sums(state.noise.square()) - answer.loss
        better = loss < state.best_loss
        waited = torch.where(better, 0, state.waited + 1)
        shown = problem.pixels + state.noise
        in_range = (shown >= 0) & (shown <= 1)  # where clip passes a gradient
        gradient = 2 * self.const * state.noise - answer.gradient * in_range
        return replace(
            self._adam(state, gradient, step + 1),
            best_noise=torch.where(batch_view(better), state.noise, state.best_noise),
            best_loss=torch.where(better, loss, state.best_loss),
            waited=waited,
            done=waited >= self.patience,
        )

    def result(self, problem: Problem, state: LearnedNoiseState) -> Tensor:
        return (problem.pixels + state.best_noise).clamp(0, 1)

    def _adam(self, state: LearnedNoiseState, gradient: Tensor, count: int) -> LearnedNoiseState:
        """A step of Adam as Keras writes it: epsilon beside the uncorrected root. count: gradients
        so far, this one included."""
        exp_avg = state.exp_avg.lerp(gradient, 1 - BETA_1)
        exp_avg_sq = state.exp_avg_sq.lerp(gradient.square(), 1 - BETA_2)
        rate = self.lr * sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
        noise = state.noise - rate * exp_avg / (exp_avg_sq.sqrt() + EPSILON)
        return replace(state, noise=noise, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)


def _glorot_uniform(shape: torch.Size, generator: Generator) -> Tensor:
    """One row's first noise [3, H, W]: Glorot uniform as Keras counts it for (H, W, 3)."""
    channels, height, width = shape
    limit = sqrt(6 / (height * (width + channels)))
    drawn = torch.rand(height, width, channels, generator=generator)
    return (drawn * 2 - 1).mul(limit).permute(2, 0, 1)
