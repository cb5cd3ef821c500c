"""PDPGD: a saddle of distance and goal, by primal steps with the norm's prox and dual steps.

Source: Matyasko and Chau, PDPGD: primal-dual proximal gradient descent adversarial attack
(arXiv:2106.01538), with the proximal Adam of Melchior et al. (arXiv:1910.10094), as in adv-lib.
The change descends softplus(-margin) by Adam; then the prox of price * f (proximal.py) in Adam's
own metric, by a few inner rounds; price = dual weight of the distance over that of the goal. The
goal's weight rises by one dual step while it is not reached and falls while it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import corrected, updated
from pasunchat.attacks.norms import L1, row_norms, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Keeps

Prox = Callable[[Tensor, Tensor], Tensor]

LEAST = 2 / 3 * 24**0.25  # times strength^(3/4): what is smaller becomes 0
NEWTON = 6


def soft(noise: Tensor, strength: Tensor) -> Tensor:
    """L1: each value nearer to 0 by the strength [N]."""
    return (noise.abs() - wide(strength)).clamp_min(0).copysign(noise)


def shorter(noise: Tensor, strength: Tensor) -> Tensor:
    """L2: each row shorter by the strength [N]."""
    size = row_norms(noise).clamp_min(torch.finfo(noise.dtype).tiny)
    return noise * wide((1 - strength / size).clamp_min(0))


def flatter(noise: Tensor, strength: Tensor) -> Tensor:
    """LINF: what the projection on the L1 ball of radius `strength` [N] leaves (Moreau)."""
    return noise - L1.project(noise, strength)


def fewer_values(noise: Tensor, strength: Tensor) -> Tensor:
    """sum |z|^(2/3) over values."""
    return _two_thirds(noise.abs(), wide(strength)).copysign(noise)


def fewer_pixels(noise: Tensor, strength: Tensor) -> Tensor:
    """sum |z|^(2/3) over pixels, |z| being the L2 norm of the three channels."""
    size = noise.square().sum(1, keepdim=True).sqrt()
    return noise * (_two_thirds(size, wide(strength)) / size.clamp_min(1e-30))


def _two_thirds(size: Tensor, strength: Tensor) -> Tensor:
    """The minimiser for sizes of 0 and more: with z = y^3, the largest root of
    y^4 - size y + 2/3 strength, found by Newton from above; 0 below LEAST strength^(3/4)."""
    strength = strength.expand_as(size)
    large = size > LEAST * strength**0.75
    given, part = size[large].double(), strength[large].double() * (2 / 3)
    root = given ** (1 / 3)
    for _ in range(NEWTON):
        root = root - (root**4 - given * root + part) / (4 * root**3 - given)
    return torch.zeros_like(size).masked_scatter(large, (root**3).to(size.dtype))


PROX: Mapping[str, Prox] = {
    "l1": soft,
    "l0": fewer_values,
    "pixels": fewer_pixels,
    "l2": shorter,
    "linf": flatter,
}


LAST_LR, LAST_DUAL_LR = 0.01, 0.1  # shares of the first
CLOSE = 0.01  # a prox whose round changes less than this share has come to rest


@dataclass(frozen=True)
class PdpgdState:
    """change, and its Adam moments mean and square: [N, 3, H, W]. odds: log of the goal's weight
    over the distance's. weight: the goal's share of both, smoothed. clock, done. [N]."""

    change: Tensor
    mean: Tensor
    square: Tensor
    odds: Tensor
    weight: Tensor
    clock: Tensor
    done: Tensor


@dataclass(frozen=True)
class Pdpgd:
    """steps: gradients a row. lr: Adam's first step, falling to a hundredth. dual_lr: the dual
    step, falling to a tenth. ratio: the distance's weight over the goal's, at first. smoothing:
    how much of the weight stays at each step. most: the largest ratio either way. rounds: inner
    ones of the prox, at most."""

    about: ClassVar[str] = "a saddle of distance and goal: Adam, the norm's prox, a dual weight"
    paper: ClassVar[str] = "PDPGD (Matyasko and Chau 2021, arXiv:2106.01538)"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = tuple(PROX)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare with its paper; good at L1"
    cost: ClassVar[str] = "one gradient a step, 100 by default"

    steps: int = 100
    lr: float = 0.1
    dual_lr: float = 0.1
    ratio: float = 0.01
    smoothing: float = 0.9
    most: float = 1e6
    rounds: int = 5

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rounds < 1:
            raise ValueError(
                f"steps and rounds: expected 1 or more, got {self.steps} and {self.rounds}"
            )
        if not (self.lr > 0 and self.dual_lr > 0 and self.ratio > 0 and self.most > 1):
            raise ValueError(
                "lr, dual_lr and ratio: expected above 0, and most above 1, got "
                f"{self.lr}, {self.dual_lr}, {self.ratio} and {self.most}"
            )
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing: expected 0 to below 1, got {self.smoothing}")

    def start(self, problem: Problem, keys: Tensor) -> PdpgdState:
        nothing = torch.zeros_like(problem.pixels)
        count = torch.zeros(len(keys), dtype=torch.int64, device=nothing.device)
        odds = nothing.new_full((len(keys),), -log(self.ratio))
        return PdpgdState(nothing, nothing, nothing, odds, _share(odds), count, count.bool())

    def ask(self, problem: Problem, state: PdpgdState) -> Ask:
        pixels = (problem.pixels + state.change).clamp(0, 1)
        return Ask(pixels[:, None], torch.ones_like(state.done))

    def loss(self, problem: Problem, state: PdpgdState, logits: Tensor) -> Tensor:
        return -softplus(-margin(logits, problem.goal).double()).to(logits.dtype)

    def step(self, problem: Problem, state: PdpgdState, answer: Answer) -> PdpgdState:
        assert answer.gradient is not None and answer.margin is not None
        mean, square = updated(state.mean, state.square, -answer.gradient)
        rates = [self.lr * LAST_LR ** (at / self.steps) for at in state.clock.tolist()]
        rate = mean.new_tensor(rates)
        step, root = corrected(mean, square, state.clock + 1)
        change = _boxed(problem, state.change - wide(rate) * step / root)
        change = self._nearer(problem, change, root, rate * (1 / state.weight - 1))
        gone = state.clock / max(self.steps - 1, 1)
        dual = self.dual_lr * (1 - (1 - LAST_DUAL_LR) * gone)
        odds = state.odds - dual * answer.margin[:, 0].sign()
        odds = odds.clamp(-log(self.most), log(self.most))
        return replace(
            state,
            change=change,
            mean=mean,
            square=square,
            odds=odds,
            weight=state.weight.lerp(_share(odds), 1 - self.smoothing),
            clock=state.clock + 1,
            done=state.clock + 1 >= self.steps,
        )

    def _nearer(self, problem: Problem, change: Tensor, root: Tensor, price: Tensor) -> Tensor:
        """argmin |z - change|^2 / 2 in the metric `root`, plus price f(z); each row by itself."""
        prox, largest = PROX[problem.norm.name], root.flatten(1).amax(1)
        metric, strength = root / wide(largest), price / largest
        now, moving = change, torch.ones_like(price, dtype=torch.bool)
        for _ in range(self.rounds):
            new = _boxed(problem, prox(now - metric * (now - change), strength))
            moved = row_norms(new - now) > CLOSE * row_norms(new)
            now = torch.where(wide(moving), new, now)
            moving = moving & moved
            if not moving.any():
                break
        return now


def _share(odds: Tensor) -> Tensor:
    """The goal's share of both weights, [N]; one at a time, the same bits in any company."""
    return odds.new_tensor([1 / (1 + exp(-each)) for each in odds.tolist()])


def _boxed(problem: Problem, change: Tensor) -> Tensor:
    """The change with pixels in [0, 1], and exactly 0 where it is 0."""
    return torch.minimum(torch.maximum(change, -problem.pixels), 1 - problem.pixels)
