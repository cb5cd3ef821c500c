"""C&W: the squared size of the change plus a constant times the missing margin, by Adam.

Carlini and Wagner 2017, "Towards evaluating the robustness of neural networks", arXiv:1608.04644,
section VI A (L2). With x the photo, m the margin of the goal and c the constant, Adam minimises

    |z - x|^2 + c max(-m(z), 0)      over w,  z = 1/2 + (1/2 + OVERHANG) tanh(w)

In rounds, each from the photo: c is ten times larger after a round in which no query reached the
goal, and bisected once one did.

Where this differs from the paper: z goes OVERHANG beyond [0, 1] and is cut to it, so that a pixel
at 0 or 1 can move. Each row ends its rounds by itself. The first c is by default twice the
2 |m| / |g|^2 that a plane needs, with g the gradient of m (the paper's program: 0.001). The paper's
kappa is the goal's confidence.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import adam_step
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    query_snapped,
    refuse_below_one,
    refuse_not_positive,
)
from pasunchat.norms import L2, batch_view, row_sums

OVERHANG = 1 / 255  # how far tanh goes beyond each end of [0, 1]
GROWTH = 10  # of the constant, as long as none was large enough
CHECKS_PER_ROUND = 3  # how often a round is checked for progress (the paper's program: 10)
NO_PROGRESS = 0.9999  # share of the last check's value above which a round ends


def to_tanh_space(pixels: Tensor) -> Tensor:
    """w of pixels [N, 3, H, W] in [0, 1]: finite at both ends."""
    return ((2 * pixels - 1) / (1 + 2 * OVERHANG)).atanh()


def from_tanh_space(variable: Tensor) -> Tensor:
    """Pixels of w, up to OVERHANG beyond [0, 1]."""
    return 0.5 + (0.5 + OVERHANG) * variable.tanh()


def first_const(margin: Tensor, gradient: Tensor) -> Tensor:
    """Twice the constant at which a linear margin would just be met, [N]; 1 where it has no slope.

    margin, gradient: [N] and [N, 3, H, W], at the photo.
    """
    squared = row_sums(gradient.square())
    const = 4 * margin.abs() / squared
    return torch.where((squared > 0) & const.isfinite(), const, 1)


def next_const(
    const: Tensor, too_low: Tensor, enough: Tensor, over: Tensor, reached: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The constant, the largest known to be too low and the smallest known to be enough, all [N].

    over: bool [N], rows whose round has ended; other rows stay as they are. reached: bool [N],
    whether the round reached. `enough` is infinite until one did.
    """
    too_low = torch.where(over & ~reached, const, too_low)
    enough = torch.where(over & reached, const, enough)
    following = torch.where(enough.isinf(), GROWTH * const, (too_low + enough) / 2)
    return torch.where(over, following, const), too_low, enough


@dataclass(frozen=True)
class CarliniWagnerState:
    """Where the search is."""

    variable: Tensor  # w, [N, 3, H, W]
    exp_avg: Tensor  # Adam's first moment, [N, 3, H, W]
    exp_avg_sq: Tensor  # Adam's second moment, [N, 3, H, W]
    const: Tensor  # c, [N]; nan before the first answer
    too_low: Tensor  # [N]: the largest c whose round did not reach
    enough: Tensor  # [N]: the smallest c whose round reached, infinite before
    checked: Tensor  # [N]: what is minimised, at the round's last check; infinite before
    reached: Tensor  # bool [N]: whether this round has reached
    round_step: Tensor  # int64 [N]: steps taken in this round
    rounds_ended: Tensor  # int64 [N]
    done: Tensor  # bool [N]: all rounds have ended


@dataclass(frozen=True)
class CarliniWagner:
    """The size of the change against the missing margin, by Adam; the constant is bisected."""

    info: ClassVar[AttackInfo] = AttackInfo(
        about="size against a constant times the missing margin, by Adam; the constant bisected",
        paper="Carlini and Wagner 2017, arXiv:1608.04644",
        norms=(L2.name,),
        when="to compare with its paper",
        cost="one gradient a step: thousands",
    )

    round_steps: int = 1000  # largest number of gradients in a round
    rounds: int = 9  # number of constants tried (binary search steps)
    lr: float = 0.01  # Adam's step size
    initial_const: float | None = None  # first constant; none: twice what a linear margin needs

    def __post_init__(self) -> None:
        refuse_below_one(self, "round_steps", "rounds")
        refuse_not_positive(self, "lr", "initial_const")

    @property
    def steps(self) -> int:
        """At most; most rounds end earlier."""
        return self.rounds * self.round_steps

    def start(self, problem: Problem, keys: Tensor) -> CarliniWagnerState:
        variable = to_tanh_space(problem.pixels)
        zero = problem.pixels.new_zeros(len(keys))
        return CarliniWagnerState(
            variable=variable,
            exp_avg=torch.zeros_like(variable),
            exp_avg_sq=torch.zeros_like(variable),
            const=zero + (self.initial_const or torch.nan),
            too_low=zero,
            enough=zero + inf,
            checked=zero + inf,
            reached=zero.bool(),
            round_step=zero.long(),
            rounds_ended=zero.long(),
            done=zero.bool(),
        )

    def ask(self, problem: Problem, state: CarliniWagnerState, step: int) -> Query:
        return query_snapped(problem, from_tanh_space(state.variable).clamp_(0, 1))

    def loss(self, problem: Problem, state: CarliniWagnerState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(
        self, problem: Problem, state: CarliniWagnerState, answer: Answer, step: int
    ) -> CarliniWagnerState:
        assert answer.gradient is not None and answer.loss is not None
        reached = answer.reached[:, 0]
        const = state.const.where(~state.const.isnan(), first_const(answer.loss, answer.gradient))
        change = from_tanh_space(state.variable) - problem.pixels
        total = row_sums(change.square()) + const * (-answer.loss).clamp_min(0)
        gradient = 2 * change - batch_view(torch.where(reached, 0, const)) * answer.gradient
        state = replace(state, const=const, reached=state.reached | reached)
        return self._after_round(problem, self._adam(state, gradient), total)

    def _adam(self, state: CarliniWagnerState, gradient: Tensor) -> CarliniWagnerState:
        """One step along the gradient of what is minimised, in pixels, [N, 3, H, W]."""
        gradient = gradient * (1 - state.variable.tanh().square())
        count = state.round_step + 1
        adam = adam_step(state.exp_avg, state.exp_avg_sq, gradient, batch_view(count))
        return replace(
            state,
            variable=state.variable - self.lr * adam.direction,
            exp_avg=adam.exp_avg,
            exp_avg_sq=adam.exp_avg_sq,
            round_step=count,
        )

    def _after_round(
        self, problem: Problem, state: CarliniWagnerState, total: Tensor
    ) -> CarliniWagnerState:
        """Where a round has ended: another constant, and Adam from the photo again. total: what is
        minimised, [N]."""
        check = (state.round_step - 1) % max(1, self.round_steps // CHECKS_PER_ROUND) == 0
        stuck = check & (total > NO_PROGRESS * state.checked)
        over = stuck | (state.round_step >= self.round_steps)
        const, too_low, enough = next_const(
            state.const, state.too_low, state.enough, over, state.reached
        )
        again, rounds_ended = batch_view(over), state.rounds_ended + over
        return CarliniWagnerState(
            variable=torch.where(again, to_tanh_space(problem.pixels), state.variable),
            exp_avg=state.exp_avg.masked_fill(again, 0),
            exp_avg_sq=state.exp_avg_sq.masked_fill(again, 0),
            const=const,
            too_low=too_low,
            enough=enough,
            checked=torch.where(over, inf, torch.where(check, total, state.checked)),
            reached=state.reached & ~over,
            round_step=state.round_step.masked_fill(over, 0),
            rounds_ended=rounds_ended,
            done=rounds_ended >= self.rounds,
        )
