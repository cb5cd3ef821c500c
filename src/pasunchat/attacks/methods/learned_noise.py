"""The talk's attack: noise learnt as if it were weights, at a price for its size.

Source: the talk "Ceci n'est pas un chat", slides "How?" (cecil-nest-pas-un-chat, 2019):
model input = clip(image + 255 noise, 0, 255); loss = 0.1 sum(noise^2) - log p(target); Adam;
stop after 10 steps without a lower loss. The noise of the lowest loss is kept.
"""

from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import log_probability
from pasunchat.attacks.norms import row_sums, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps, refuse_below_one

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


@dataclass(frozen=True)
class LearnedNoiseState:
    """noise, its Adam moments, and the noise of the lowest loss, all [N, 3, H, W], a pixel's
    noise 1 being the whole range; best_loss, waited, clock, done [N]."""

    noise: Tensor
    mean: Tensor
    square: Tensor
    best_noise: Tensor
    best_loss: Tensor
    waited: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class LearnedNoise:
    """price: of sum(noise^2) against -log p(target); lower fools more surely and shows more.
    lr: Adam's step size. steps: at most. patience: steps without a lower loss before the end."""

    about: ClassVar[str] = "noise learnt by Adam against a price on its size (the talk's)"
    paper: ClassVar[str] = 'the talk "Ceci n\'est pas un chat", slides "How?"'
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "own"
    when: ClassVar[str] = "to show the talk's own attack; it stops by its own rule"
    cost: ClassVar[str] = "some 100 to 280 gradients"

    price: float = 0.1
    lr: float = 1e-3
    steps: int = 1000
    patience: int = 10

    def __post_init__(self) -> None:
        for name, value in (("price", self.price), ("lr", self.lr)):
            if not 0 <= value < inf:
                raise ValueError(f"{name}: expected a number of at least 0, got {value}")
        refuse_below_one(self, "steps", "patience")

    def start(self, problem: Problem, keys: Tensor) -> LearnedNoiseState:
        noise = torch.stack([_as_keras(problem.pixels.shape[1:], int(key)) for key in keys])
        noise = noise.to(problem.pixels.device).contiguous(memory_format=torch.channels_last)
        counts = torch.zeros(len(keys), dtype=torch.int64, device=noise.device)
        return LearnedNoiseState(
            noise=noise,
            mean=torch.zeros_like(noise),
            square=torch.zeros_like(noise),
            best_noise=noise,
            best_loss=torch.full(counts.shape, torch.inf, device=noise.device),
            waited=counts,
            clock=counts,
            done=counts.bool(),
        )

    def ask(self, problem: Problem, state: LearnedNoiseState) -> Ask:
        pixels = (problem.pixels + state.noise).clamp_(0, 1)
        return Ask(pixels[:, None], torch.ones_like(state.done))

    def loss(self, problem: Problem, state: LearnedNoiseState, logits: Tensor) -> Tensor:
        return log_probability(logits, problem.goal)

    def step(self, problem: Problem, state: LearnedNoiseState, answer: Answer) -> LearnedNoiseState:
        assert answer.loss is not None and answer.gradient is not None
        loss = self.price * row_sums(state.noise.square()) - answer.loss
        better = loss < state.best_loss
        waited = torch.where(better, 0, state.waited + 1)
        moved = self._moved(problem, state, answer.gradient)
        return replace(
            moved,
            best_noise=torch.where(wide(better), state.noise, state.best_noise),
            best_loss=torch.where(better, loss, state.best_loss),
            waited=waited,
            done=(waited >= self.patience) | (moved.clock >= self.steps),
        )

    def kept(self, problem: Problem, state: LearnedNoiseState) -> Tensor:
        return (problem.pixels + state.best_noise).clamp(0, 1)

    def _moved(
        self, problem: Problem, state: LearnedNoiseState, nearer: Tensor
    ) -> LearnedNoiseState:
        """Adam as Keras writes it: epsilon beside the uncorrected root."""
        shown = problem.pixels + state.noise
        inside = (shown >= 0) & (shown <= 1)
        slope = (2 * self.price) * state.noise - nearer * inside
        mean = state.mean.lerp(slope, 1 - BETA_1)
        square = state.square.lerp(slope.square(), 1 - BETA_2)
        clock = state.clock + 1
        rates = [self.lr * sqrt(1 - BETA_2**t) / (1 - BETA_1**t) for t in clock.tolist()]
        rate = torch.tensor(rates, dtype=slope.dtype, device=slope.device)
        noise = state.noise - wide(rate) * mean / (square.sqrt() + EPSILON)
        return replace(state, noise=noise, mean=mean, square=square, clock=clock)


def _as_keras(shape: torch.Size, key: int) -> Tensor:
    """One row's first noise [3, H, W]: Glorot uniform as Keras counts it for (H, W, 3)."""
    channels, height, width = shape
    limit = sqrt(6 / (height * (width + channels)))
    draw = torch.rand(height, width, channels, generator=torch.Generator().manual_seed(key))
    return (draw * 2 - 1).mul(limit).permute(2, 0, 1)
