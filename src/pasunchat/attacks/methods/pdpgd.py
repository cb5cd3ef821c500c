"""PDPGD: a saddle of distance and goal, by primal steps with the norm's prox and dual steps.

Matyasko and Chau 2021, "PDPGD: primal-dual proximal gradient descent adversarial attack",
arXiv:2106.01538, with the proximal Adam of Melchior et al., arXiv:1910.10094. With d the change, f
its size, m the margin of the goal, and r the weight of the size over that of the goal, each step is

    d <- d - eta Adam(gradient of softplus(-m))
    d <- argmin_z |z - d|^2 / 2 + eta r f(z)      the prox, in Adam's own metric, by a few rounds
    log r <- log r + dual_lr sign(m)              the size weighs more while the goal is reached

eta and dual_lr fall. f is the norm itself, or, where that counts, the sum of |z_i|^(2/3) over what
it counts, whose prox has a closed form.

Where this differs from the paper: as in adv-lib, the goal's share of both weights, 1 / (1 + r), is
smoothed before it is used. The last d is queried too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import log
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import adam_step
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    refuse_below_one,
    refuse_not_positive,
)
from pasunchat.norms import (
    L0,
    L1,
    L2,
    LINF,
    PIXELS,
    Norm,
    batch_view,
    row_largest,
    row_norms,
)

LAST_LR, LAST_DUAL_LR = 0.01, 0.1  # shares of the first step sizes that the last ones have
AT_REST = 0.01  # a prox ends where a round changes less than this share
KINK = 2 / 3 * 24**0.25  # times strength^(3/4): smaller sizes become 0 under |z|^(2/3)
NEWTON_STEPS = 6  # for the root of a quartic

Prox = Callable[[Tensor, Tensor], Tensor]  # (noise [N, 3, H, W], strength [N]) -> noise


def soft_threshold(noise: Tensor, strength: Tensor) -> Tensor:
    """L1: each value nearer to 0 by the strength."""
    return (noise.abs() - batch_view(strength)).clamp_min(0).copysign(noise)


def shorten(noise: Tensor, strength: Tensor) -> Tensor:
    """L2: each row shorter by the strength."""
    size = row_norms(noise).clamp_min(torch.finfo(noise.dtype).tiny)
    return noise * batch_view((1 - strength / size).clamp_min(0))


def flatten_peaks(noise: Tensor, strength: Tensor) -> Tensor:
    """LINF: what the projection on the L1 ball of radius `strength` leaves (Moreau)."""
    return noise - L1.project(noise, strength)


def shrink_parts(norm: Norm, noise: Tensor, strength: Tensor) -> Tensor:
    """The sum of |z|^(2/3) over the parts that a norm counts: small ones become 0."""
    size = norm.parts(noise)
    return noise * (_two_thirds(size, batch_view(strength)) / size.clamp_min(1e-30))


def _two_thirds(size: Tensor, strength: Tensor) -> Tensor:
    """argmin_z (z - size)^2 / 2 + strength z^(2/3) for sizes of 0 and more: with z = y^3, the
    largest root of y^4 - size y + 2/3 strength, found by Newton's method from above."""
    strength = strength.expand_as(size)
    large = size > KINK * strength**0.75
    sizes, constant = size[large].double(), strength[large].double() * (2 / 3)
    root = sizes ** (1 / 3)
    for _ in range(NEWTON_STEPS):
        root = root - (root**4 - sizes * root + constant) / (4 * root**3 - sizes)
    return torch.zeros_like(size).masked_scatter(large, (root**3).to(size.dtype))


PROX: Mapping[str, Prox] = {
    L1.name: soft_threshold,
    L0.name: partial(shrink_parts, L0),
    PIXELS.name: partial(shrink_parts, PIXELS),
    L2.name: shorten,
    LINF.name: flatten_peaks,
}


@dataclass(frozen=True)
class PdpgdState:
    """Where the search is."""

    change: Tensor  # d, [N, 3, H, W]
    exp_avg: Tensor  # Adam's first moment, [N, 3, H, W]
    exp_avg_sq: Tensor  # Adam's second moment, [N, 3, H, W]
    log_ratio: Tensor  # log r, [N]
    goal_share: Tensor  # the goal's share of both weights, smoothed, [N], in (0, 1)


@dataclass(frozen=True)
class Pdpgd:
    """The distance against the goal, by Adam, the norm's prox, and a weight that adapts."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="a saddle of distance and goal: Adam, the norm's prox, a dual weight",
        paper="PDPGD (Matyasko and Chau 2021, arXiv:2106.01538)",
        norms=tuple(PROX),
        when="to compare with its paper; good at L1",
        cost="one gradient a step, 100 by default",
    )

    steps: int = 100  # number of gradients
    lr: float = 0.1  # Adam's first step size, falling to a hundredth
    dual_lr: float = 0.1  # first step of the weight's logarithm, falling to a tenth
    ratio: float = 0.01  # weight of the distance over that of the goal, at first
    smoothing: float = 0.9  # share of the goal's weight that stays at a step
    max_ratio: float = 1e6  # largest ratio of both weights, either way
    prox_rounds: int = 5  # largest number of rounds in which the prox is computed

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "prox_rounds")
        refuse_not_positive(self, "lr", "dual_lr", "ratio")
        if not 1 < self.max_ratio < float("inf"):
            raise ValueError(f"max_ratio: expected a number above 1, got {self.max_ratio}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing: expected 0 to below 1, got {self.smoothing}")

    def start(self, problem: Problem, keys: Tensor) -> PdpgdState:
        zero = torch.zeros_like(problem.pixels)
        log_ratio = zero.new_full((len(keys),), log(self.ratio))
        return PdpgdState(zero, zero, zero, log_ratio, torch.sigmoid(-log_ratio))

    def ask(self, problem: Problem, state: PdpgdState, step: int) -> Query:
        return Query((problem.pixels + state.change).clamp(0, 1)[:, None])

    def loss(self, problem: Problem, state: PdpgdState, logits: Tensor) -> Tensor:
        return -softplus(-margin(logits, problem.goal).double()).to(logits.dtype)

    def step(self, problem: Problem, state: PdpgdState, answer: Answer, step: int) -> PdpgdState:
        assert answer.gradient is not None and answer.margin is not None
        adam = adam_step(state.exp_avg, state.exp_avg_sq, -answer.gradient, step + 1)
        lr = self.lr * LAST_LR ** (step / self.steps)
        change = problem.in_box(state.change - lr * adam.direction)
        change = self._prox(problem, change, adam.scale, lr * (1 / state.goal_share - 1))
        dual_lr = self.dual_lr * (1 - (1 - LAST_DUAL_LR) * step / max(self.steps - 1, 1))
        log_ratio = state.log_ratio + dual_lr * answer.margin[:, 0].sign()
        log_ratio = log_ratio.clamp(-log(self.max_ratio), log(self.max_ratio))
        share = state.goal_share.lerp(torch.sigmoid(-log_ratio), 1 - self.smoothing)
        return PdpgdState(change, adam.exp_avg, adam.exp_avg_sq, log_ratio, share)

    def _prox(self, problem: Problem, change: Tensor, metric: Tensor, weight: Tensor) -> Tensor:
        """argmin_z |z - change|^2 / 2 in the metric [N, 3, H, W], plus weight [N] times f(z)."""
        prox, largest = PROX[problem.norm.name], row_largest(metric)
        metric, strength = metric / batch_view(largest), weight / largest
        now, moving = change, torch.ones_like(weight, dtype=torch.bool)
        for _ in range(self.prox_rounds):
            new = problem.in_box(prox(now - metric * (now - change), strength))
            moved = row_norms(new - now) > AT_REST * row_norms(new)
            now = torch.where(batch_view(moving), new, now)
            moving = moving & moved
            if not moving.any():
                break
        return now
